// Package ext fills the place that Traefik's own go.mod fills from a folder of
// its repository (`replace … => ./pkg/config/dynamic/ext`). That folder is a
// module of its own, so it is not in the module that the Go proxy serves.
// Traefik embeds these two types, empty, for builds that extend it.
package ext

// HTTP adds nothing to the HTTP configuration.
type HTTP struct{}

// Router adds nothing to a router.
type Router struct{}
