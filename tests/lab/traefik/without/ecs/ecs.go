// Package ecs stands in for Traefik's provider of the same name, whose AWS SDKs
// take nearly a quarter of the build. The lab has no such containers to route to.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// ProviderName is the name in the configuration.
const ProviderName = "ecs"

// Provider can be named in a configuration, and refuses to start then.
type Provider struct{}

// Init always fails.
func (p *Provider) Init() error {
	return errors.New("the lab's Traefik is built without the ECS provider")
}

// Provide always fails.
func (p *Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return p.Init() }
