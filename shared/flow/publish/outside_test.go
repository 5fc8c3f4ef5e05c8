package publish_test

import (
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/flow/publish"
)

// The example sends from mail.shop.example and from shop.example.
func TestSendersLieInTheStagesDomainOrBelowIt(t *testing.T) {
	candidate, problems := publish.Compile(catalog.Example())
	if candidate == nil {
		t.Fatal(problems)
	}
	for domain, want := range map[string]int{
		"": 0, "shop.example": 0, "example": 0, "mail.shop.example": 1, "hop.example": 2, "elsewhere.example": 2,
	} {
		outside := candidate.Outside(domain)
		if len(outside) != want {
			t.Errorf("%q: %d senders are refused, want %d", domain, len(outside), want)
		}
		for _, p := range outside {
			if p.File != "settings.yaml" || p.Line < 2 || !strings.Contains(p.Do, domain) {
				t.Errorf("%q: %s", domain, p)
			}
		}
	}
}
