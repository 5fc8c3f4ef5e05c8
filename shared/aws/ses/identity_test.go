package ses

import (
	"slices"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
)

func TestIdentityNamesEveryRecordThatSESCountsOn(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Body: `{
		"DkimAttributes": {"Tokens": ["t1", "t2"], "SigningHostedZone": "dkim.amazonses.com"},
		"MailFromAttributes": {"MailFromDomain": "bounce.shop.example", "BehaviorOnMxFailure": "USE_DEFAULT_VALUE"}
	}`}))
	records, err := New(s.Config(), ConfigurationSets{}).Identity(t.Context(), "shop.example", "eu-west-1")
	want := []Record{
		{"t1._domainkey.shop.example", "CNAME", "t1.dkim.amazonses.com"},
		{"t2._domainkey.shop.example", "CNAME", "t2.dkim.amazonses.com"},
		{"bounce.shop.example", "MX", "feedback-smtp.eu-west-1.amazonses.com"},
		{"bounce.shop.example", "TXT", "v=spf1 include:amazonses.com"},
	}
	if err != nil || !slices.Equal(records, want) {
		t.Fatalf("got %v, %v", records, err)
	}
	if r := s.Requests()[0]; r.Method != "GET" || r.Path != "/v2/email/identities/shop.example" {
		t.Fatalf("%s %s", r.Method, r.Path)
	}
}
