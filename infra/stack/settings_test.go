package stack

import (
	"strings"
	"testing"
)

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := ReadSettings(map[string]any{"domain": "mail.example.com", "aws:cdk:bundling-stacks": "x", "@aws-cdk/core:newStyle": true})
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{Stage: "dev", Domain: "mail.example.com", Arch: ARM64, Rate: 1000, Budget: 100}
	if s.Stage != want.Stage || s.Domain != want.Domain || s.Arch != want.Arch || s.Rate != want.Rate || s.Budget != want.Budget ||
		s.ExistingIdentity || s.CustomerKey || s.Reserved || s.Boundary+s.IdentitySecret+s.TypeformSecret+s.AlarmTopic != "" || s.Tags != nil {
		t.Fatalf("got %+v", s)
	}
}

func TestSettingsAreReadAsGiven(t *testing.T) {
	s, err := ReadSettings(map[string]any{
		"stage": "prod", "domain": "shop.example", "identity": "existing", "arch": "x86_64", "keys": "customer", "reserved": "on",
		"rate": "250", "boundary": "Limits", "tags": "team=growth,cost=42", "identity-secret": "arn:aws:secretsmanager:x", "typeform-secret": "arn:aws:secretsmanager:y",
		"alarm-topic": "arn:aws:sns:x", "budget": "40",
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Stage != "prod" || !s.ExistingIdentity || s.Arch != X8664 || !s.CustomerKey || !s.Reserved || s.Rate != 250 ||
		s.Boundary != "Limits" || s.Tags["team"] != "growth" || s.Tags["cost"] != "42" ||
		s.IdentitySecret != "arn:aws:secretsmanager:x" || s.TypeformSecret != "arn:aws:secretsmanager:y" || s.AlarmTopic != "arn:aws:sns:x" || s.Budget != 40 {
		t.Fatalf("got %+v", s)
	}
}

func TestAWrongSettingIsRefusedWithWhatToGive(t *testing.T) {
	tests := []struct {
		name  string
		value any
		says  string
	}{
		{"domain", nil, "the domain is missing: give the one that mail is sent from, -c domain=mail.example.com"},
		{"domain", "Mail.Example.com", "no domain in lower case"},
		{"domain", "localhost", "no domain in lower case"},
		{"stage", "my-stage", "no name for a stage"},
		{"stage", strings.Repeat("x", 21), "no name for a stage"},
		{"identity", "yes", "-c identity=yes: not known (existing: SES has the domain already)"},
		{"arch", "arm", "Lambda has no such processor (arm64 (default) or x86_64)"},
		{"keys", true, "-c keys=true: not known"},
		{"reserved", "off", "not known"},
		{"rate", "0", "no number from 1 to 10000"},
		{"rate", "fast", "no number from 1 to 10000"},
		{"budget", "-1", "no number from 1 to 1000000"},
		{"tags", "team", `"team" is no key=value`},
		{"typeform-secret", "my-secret", "no ARN"},
		{"boundary", "my policy", "empty, or with a space in it"},
		{"alarm-topic", "ops@shop.example", "no ARN"},
		{"key", "customer", "there is no setting -c key (there are: stage, domain, identity, "},
	}
	for _, test := range tests {
		given := map[string]any{"domain": "mail.example.com", test.name: test.value}
		if test.value == nil {
			delete(given, test.name)
		}
		_, err := ReadSettings(given)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s=%v: got %v, want %q in it", test.name, test.value, err, test.says)
		}
	}
}

func TestEveryWrongSettingIsNamedAtOnce(t *testing.T) {
	_, err := ReadSettings(map[string]any{"stage": "?", "arch": "?"})
	if err == nil {
		t.Fatal("nothing is said")
	}
	for _, says := range []string{"stage", "arch", "the domain is missing"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in: %v", says, err)
		}
	}
}
