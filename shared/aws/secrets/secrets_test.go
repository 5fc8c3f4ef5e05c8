package secrets

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/core/ident"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

const stackSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// vault holds one secret; "" is none.
func vault(t *testing.T, text string) *wire.Service {
	if text == "" {
		return wire.Serve(t, wire.Always(wire.Answer{Status: 400, Body: `{"__type":"ResourceNotFoundException","Message":"not found"}`}))
	}
	return wire.Serve(t, wire.Always(wire.Answer{Body: fmt.Sprintf(`{"SecretString":%q}`, text)}))
}

const whole = `{"secret":"` + stackSecret + `"}`

func TestReadMakesTheStacksKeys(t *testing.T) {
	s := vault(t, whole)
	got, err := Read(t.Context(), s.Config(), "kesher-secret")
	if err != nil {
		t.Fatal(err)
	}
	if want := ident.NewKeys([]byte(stackSecret)); got.Keys.Check() != want.Check() {
		t.Error("customers' keys are of another secret")
	}
	r := s.Requests()[0]
	if r.Operation != "GetSecretValue" || !strings.Contains(string(r.Body), `"kesher-secret"`) {
		t.Errorf("asked %s %s", r.Operation, r.Body)
	}
	for _, problem := range awsmodel.Load(t, "secretsmanager").Check(r.Operation, r.Body) {
		t.Error(problem)
	}
}

func TestJ17WrongOrMissingSecretIsOneClearError(t *testing.T) {
	for name, text := range map[string]string{
		"missing":          "",
		"no JSON":          stackSecret,
		"too short":        `{"secret":"short-one"}`,
		"no secret in it":  `{"token_key":"1"}`,
		"unknown link key": `{"secret":"` + stackSecret + `","token_key":"2"}`,
		"short link key":   `{"secret":"` + stackSecret + `","token_keys":{"2":"short-one"}}`,
	} {
		_, err := Read(t.Context(), vault(t, text).Config(), "kesher-secret")
		if err == nil || !strings.Contains(err.Error(), "kesher-secret") {
			t.Errorf("%s: error %v does not name the secret", name, err)
			continue
		}
		for _, secret := range []string{stackSecret, "short-one"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows the secret: %v", name, err)
			}
		}
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
	got, err := Read(t.Context(), vault(t, whole).Config(), "kesher-secret")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, got); printed != "[secret]" {
			t.Errorf("%s prints %s", verb, printed)
		}
	}
}
