package secrets

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

const stackSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// vault answers for both services.
type vault struct {
	secret     string
	parameters map[string]string
}

func (v vault) answer(r wire.Request) wire.Answer {
	var in struct{ Names []string }
	if err := json.Unmarshal(r.Body, &in); err != nil {
		return wire.Answer{Status: 400}
	}
	if r.Operation == "GetSecretValue" {
		if v.secret == "" {
			return wire.Answer{Status: 400, Body: `{"__type":"ResourceNotFoundException","Message":"not found"}`}
		}
		return wire.Answer{Body: fmt.Sprintf(`{"SecretString":%q}`, v.secret)}
	}
	var found []string
	for _, name := range in.Names {
		if value, ok := v.parameters[name]; ok {
			found = append(found, fmt.Sprintf(`{"Name":%q,"Value":%q}`, name, value))
		}
	}
	return wire.Answer{Body: `{"Parameters":[` + strings.Join(found, ",") + `]}`}
}

func source(t *testing.T, v vault) (*Source, *wire.Service) {
	s := wire.Serve(t, v.answer)
	return New(s.Config(), Names{SecretID: "kesher-secret", PublicKeyParameter: "/kesher/public", ServerKeyParameter: "/kesher/server"}), s
}

var whole = vault{
	secret:     `{"secret":"` + stackSecret + `"}`,
	parameters: map[string]string{"/kesher/public": "pub", "/kesher/server": "srv"},
}

func TestSecretsAreReadOnceAndKept(t *testing.T) {
	s, service := source(t, whole)
	first, err := s.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := ident.NewKeys([]byte(stackSecret)); first.Keys.Check() != want.Check() {
		t.Error("customers' keys are of another secret")
	}
	if first.Public != "pub" || first.Server != "srv" || string(first.Identity) != "srv" {
		t.Errorf("keys %q, %q, identity %q", first.Public, first.Server, first.Identity)
	}
	if len(service.Requests()) != 2 {
		t.Errorf("%d requests", len(service.Requests()))
	}
	for i, folder := range []string{"secretsmanager", "ssm"} {
		r := service.Requests()[i]
		for _, problem := range awsmodel.Load(t, folder).Check(r.Operation, r.Body) {
			t.Error(problem)
		}
	}
}

func TestIdentityHasAParameterOfItsOwnWhereOneIsNamed(t *testing.T) {
	service := wire.Serve(t, vault{whole.secret, map[string]string{"p": "pub", "s": "srv", "i": "ident"}}.answer)
	got, err := New(service.Config(), Names{"x", "p", "s", "i"}).Get(t.Context())
	if err != nil || string(got.Identity) != "ident" {
		t.Fatalf("got %q, %v", got.Identity, err)
	}
}

func TestFunctionWithoutAPIKeysAsksForNone(t *testing.T) {
	service := wire.Serve(t, whole.answer)
	if _, err := New(service.Config(), Names{SecretID: "x"}).Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(service.Requests()); n != 1 {
		t.Fatalf("%d requests", n)
	}
}

func TestJ17WrongOrMissingSecretIsOneClearError(t *testing.T) {
	cases := map[string]struct {
		vault vault
		names string // what the error must name
	}{
		"missing secret":        {vault{}, "kesher-secret"},
		"no JSON":               {vault{secret: stackSecret}, "kesher-secret"},
		"too short":             {vault{secret: `{"secret":"short-one"}`}, "kesher-secret"},
		"no secret in it":       {vault{secret: `{"token_key":"1"}`}, "kesher-secret"},
		"unknown link key":      {vault{secret: `{"secret":"` + stackSecret + `","token_key":"2"}`}, "kesher-secret"},
		"short link key":        {vault{secret: `{"secret":"` + stackSecret + `","token_keys":{"2":"short-one"}}`}, "kesher-secret"},
		"missing parameter":     {vault{whole.secret, map[string]string{"/kesher/public": "pub"}}, "/kesher/server"},
		"an empty parameter":    {vault{whole.secret, map[string]string{"/kesher/public": "", "/kesher/server": "srv"}}, "/kesher/public"},
		"no parameter anywhere": {vault{secret: whole.secret}, "/kesher/public"},
	}
	for name, c := range cases {
		s, _ := source(t, c.vault)
		_, err := s.Get(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: error %v does not name %s", name, err, c.names)
			continue
		}
		for _, secret := range []string{stackSecret, "short-one"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows the secret: %v", name, err)
			}
		}
	}
}

func TestFailedReadIsTriedAgain(t *testing.T) {
	s, _ := source(t, vault{})
	if _, err := s.Get(t.Context()); err == nil {
		t.Fatal("no error")
	}
	fixed := wire.Serve(t, whole.answer)
	s.secrets, s.parameters = New(fixed.Config(), s.names).secrets, New(fixed.Config(), s.names).parameters
	if _, err := s.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestE05LinkKeysRotateAndRetire(t *testing.T) {
	ring := func(document string) token.Keyring {
		t.Helper()
		_, r, err := parse(document)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	second := strings.Repeat("k", 40)
	before := ring(`{"secret":"` + stackSecret + `"}`)
	during := ring(`{"secret":"` + stackSecret + `","token_key":"2","token_keys":{"2":"` + second + `"}}`)
	after := ring(`{"secret":"` + stackSecret + `","token_key":"2","token_keys":{"1":"","2":"` + second + `"}}`)

	old := before.MintPreferences(token.Preferences{Customer: "0123456789abcdef0123456789abcdef"})
	fresh := during.MintPreferences(token.Preferences{Customer: "0123456789abcdef0123456789abcdef"})
	for name, c := range map[string]struct {
		ring  token.Keyring
		link  string
		opens bool
	}{
		"old link during the rotation": {during, old, true},
		"new link during the rotation": {during, fresh, true},
		"new link before it":           {before, fresh, false},
		"old link after retirement":    {after, old, false},
		"new link after retirement":    {after, fresh, true},
	} {
		if _, ok := c.ring.OpenPreferences(c.link); ok != c.opens {
			t.Errorf("%s: opens %v, want %v", name, ok, c.opens)
		}
	}
}

func TestE24SecretsAreNotPrinted(t *testing.T) {
	s, _ := source(t, whole)
	got, err := s.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, got); printed != "[secret]" {
			t.Errorf("%s prints %s", verb, printed)
		}
	}
}
