package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/ses"
	"github.com/kesher-io/kesher/shared/flow/doctor"
)

// zone is a resolver of a few records, by type and name.
type zone map[string]string

var errNotFound = &net.DNSError{Err: "no such host", IsNotFound: true}

func (z zone) LookupCNAME(_ context.Context, host string) (string, error) {
	if v, ok := z["CNAME "+host]; ok {
		return v + ".", nil
	}
	return host + ".", nil // as net.Resolver answers for a name that is no alias
}

func (z zone) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	if v, ok := z["MX "+name]; ok {
		return []*net.MX{{Host: v + ".", Pref: 10}}, nil
	}
	return nil, errNotFound
}

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if v, ok := z["TXT "+name]; ok {
		return []string{"other=1", v}, nil
	}
	return nil, errNotFound
}

// expected are the records that SES counts on for mail.shop.example.
var expected = []record{
	{"t1._domainkey.mail.shop.example", "CNAME", "t1.dkim.amazonses.com"},
	{"bounce.mail.shop.example", "MX", "feedback-smtp.eu-west-1.amazonses.com"},
	{"bounce.mail.shop.example", "TXT", "v=spf1 include:amazonses.com"},
}

// right is the zone in which nothing is wrong.
func right() zone {
	return zone{
		"CNAME t1._domainkey.mail.shop.example": "T1.dkim.amazonses.com",
		"MX bounce.mail.shop.example":           "feedback-smtp.eu-west-1.amazonses.com",
		"TXT bounce.mail.shop.example":          "v=spf1 include:amazonses.com ~all",
		"TXT _dmarc.shop.example":               "v=DMARC1; p=none",
	}
}

func TestRecordsThatFitAreNoFindingAndThePolicyMayStandAbove(t *testing.T) {
	if got := examineDNS(t.Context(), right(), []string{"mail.shop.example"}, expected); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
}

func TestEachRecordThatDoesNotFitIsFoundWithWhatToSet(t *testing.T) {
	tests := []struct {
		record, now, name, what, cure string
	}{
		{"CNAME t1._domainkey.mail.shop.example", "", "dns-mismatch", "missing", "t1._domainkey.mail.shop.example CNAME t1.dkim.amazonses.com"},
		{"CNAME t1._domainkey.mail.shop.example", "t1.dkim.elsewhere.example", "dns-mismatch", "says t1.dkim.elsewhere.example", "CNAME t1.dkim.amazonses.com"},
		{"MX bounce.mail.shop.example", "", "dns-mismatch", "missing", "MX feedback-smtp.eu-west-1.amazonses.com"},
		{"TXT bounce.mail.shop.example", "v=spf1 -all", "dns-mismatch", "v=spf1 -all", "TXT v=spf1 include:amazonses.com"},
		{"TXT _dmarc.shop.example", "", "dns-dmarc", "no DMARC policy", "_dmarc.mail.shop.example TXT"},
	}
	for _, test := range tests {
		z := right()
		z[test.record] = test.now
		if test.now == "" {
			delete(z, test.record)
		}
		got := examineDNS(t.Context(), z, []string{"mail.shop.example"}, expected)
		if len(got) != 1 || got[0].Name != test.name || !strings.Contains(got[0].What, test.what) || !strings.Contains(got[0].Cure, test.cure) {
			t.Errorf("%s = %q: got %+v", test.record, test.now, got)
		}
	}
}

// silent is a resolver that does not answer.
type silent struct{ zone }

func (silent) LookupTXT(context.Context, string) ([]string, error) { return nil, errors.New("timeout") }

func TestASilentNameServerIsToldApartFromAMissingRecord(t *testing.T) {
	got := examineDNS(t.Context(), silent{right()}, []string{"mail.shop.example"}, expected)
	if len(got) != 2 || !strings.Contains(got[0].What, "did not answer") || !strings.Contains(got[1].Where, "_dmarc") {
		t.Fatalf("got %+v", got)
	}
}

func TestTheAccountIsJudgedByName(t *testing.T) {
	fine := ses.Account{Enabled: true, Plan: "NONE"}
	tests := map[string]struct {
		account ses.Account
		warning bool
	}{
		"ses-sandbox": {ses.Account{Sandbox: true, Enabled: true}, false},
		"ses-paused":  {ses.Account{Enabled: false, Health: "SHUTDOWN"}, false},
		"ses-plan":    {ses.Account{Enabled: true, Plan: "ESSENTIALS"}, true},
	}
	if got := accountFindings(fine, "eu-west-1"); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
	for name, test := range tests {
		got := accountFindings(test.account, "eu-west-1")
		i := slices.IndexFunc(got, func(f doctor.Finding) bool { return f.Name == name })
		if len(got) != 1 || i != 0 || got[0].Warning != test.warning || !strings.Contains(got[0].Where, "eu-west-1") || got[0].Cure == "" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
