// Package dns stands in for lego's package of the same name, which imports some
// 200 DNS services with their SDKs: most of the modules that Traefik needs, and
// of use only to certificates by ACME's DNS challenge, which the lab has none of.
package dns

import (
	"fmt"

	"github.com/go-acme/lego/v5/challenge"
)

// NewDNSChallengeProviderByName knows no provider, and says so.
func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("the lab's Traefik is built without DNS providers: %s", name)
}
