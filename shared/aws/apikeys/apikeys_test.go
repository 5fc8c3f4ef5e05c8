package apikeys

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

// keeper answers GetSecretValue for these.
func keeper(t *testing.T, secrets map[string]string) *wire.Service {
	return wire.Serve(t, func(r wire.Request) wire.Answer {
		var in struct{ SecretId string }
		if err := json.Unmarshal(r.Body, &in); err != nil || r.Operation != "GetSecretValue" {
			return wire.Answer{Status: 400}
		}
		secret, ok := secrets[in.SecretId]
		if !ok {
			return wire.Answer{Status: 400, Body: `{"__type":"ResourceNotFoundException","message":"no"}`}
		}
		return wire.Answer{Body: fmt.Sprintf(`{"SecretString":%q}`, secret)}
	})
}

// environment of collect with these keys; identity and typeform may be empty.
func environment(t *testing.T, identity, typeform string) env.Config {
	t.Helper()
	own := map[env.Name]string{env.PublicKey: "pub", env.ServerKeyID: "server-id", env.IdentityID: identity, env.TypeformID: typeform}
	c, err := env.Read(env.Collect, func(name string) string {
		if value, ok := own[env.Name(name)]; ok {
			return value
		}
		return "set"
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadGivesTheKeys(t *testing.T) {
	secrets := map[string]string{"server-id": "srv", "identity-id": "ident", "typeform-id": "form"}
	for identity, want := range map[string]string{"": "srv", "identity-id": "ident"} {
		s := keeper(t, secrets)
		got, err := Read(t.Context(), s.Config(), environment(t, identity, ""))
		if err != nil || got.Public != "pub" || got.Server != "srv" || string(got.Identity) != want || got.Typeform != nil {
			t.Errorf("identity %q: got %q %q %q %q, %v", identity, got.Public, got.Server, got.Identity, got.Typeform, err)
		}
		for _, r := range s.Requests() {
			for _, problem := range awsmodel.Load(t, "secretsmanager").Check("GetSecretValue", r.Body) {
				t.Error(problem)
			}
		}
	}
}

func TestReadGivesTypeformsSecretWhereThereIsOne(t *testing.T) {
	s := keeper(t, map[string]string{"server-id": "srv", "typeform-id": "form"})
	got, err := Read(t.Context(), s.Config(), environment(t, "", "typeform-id"))
	if err != nil || string(got.Typeform) != "form" || string(got.Identity) != "srv" {
		t.Fatalf("got %q, identity %q, %v", got.Typeform, got.Identity, err)
	}
}

// J17: whichever key can't be had, the function stops, and says which.
func TestJ17ReadNamesTheSecretThatIsWrong(t *testing.T) {
	for name, secrets := range map[string]map[string]string{
		"server-id":   {"identity-id": "ident"},
		"identity-id": {"server-id": "srv", "identity-id": "", "typeform-id": "form"},
		"typeform-id": {"server-id": "srv", "identity-id": "ident"},
	} {
		_, err := Read(t.Context(), keeper(t, secrets).Config(), environment(t, "identity-id", "typeform-id"))
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "srv") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestE24KeysAreNotPrinted(t *testing.T) {
	keys := Keys{Public: "pub", Server: "srv", Identity: []byte("ident")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if printed := fmt.Sprintf(verb, keys); printed != "[secret]" {
			t.Errorf("%s prints %s", verb, printed)
		}
	}
}
