package apikeys

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
	"github.com/kesher-io/kesher/shared/testkit/awsmodel"
)

// store answers GetParameters for these.
func store(t *testing.T, parameters map[string]string) *wire.Service {
	return wire.Serve(t, func(r wire.Request) wire.Answer {
		var in struct {
			Names          []string
			WithDecryption bool
		}
		if err := json.Unmarshal(r.Body, &in); err != nil || r.Operation != "GetParameters" || !in.WithDecryption {
			return wire.Answer{Status: 400}
		}
		var found []string
		for _, name := range in.Names {
			if value, ok := parameters[name]; ok {
				found = append(found, fmt.Sprintf(`{"Name":%q,"Value":%q}`, name, value))
			}
		}
		return wire.Answer{Body: `{"Parameters":[` + strings.Join(found, ",") + `]}`}
	})
}

func TestReadGivesTheKeys(t *testing.T) {
	parameters := map[string]string{"/k/public": "pub", "/k/server": "srv", "/k/identity": "ident"}
	for identity, want := range map[string]string{"": "srv", "/k/identity": "ident", "/k/server": "srv"} {
		s := store(t, parameters)
		got, err := Read(t.Context(), s.Config(), Names{"/k/public", "/k/server", identity})
		if err != nil || got.Public != "pub" || got.Server != "srv" || string(got.Identity) != want {
			t.Errorf("identity %q: got %q %q %q, %v", identity, got.Public, got.Server, got.Identity, err)
		}
		for _, problem := range awsmodel.Load(t, "ssm").Check("GetParameters", s.Requests()[0].Body) {
			t.Error(problem)
		}
	}
}

func TestReadNamesTheParameterThatIsWrong(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"/k/server": {"/k/public": "pub"},
		"/k/public": {"/k/public": "", "/k/server": "srv"},
	} {
		_, err := Read(t.Context(), store(t, parameters).Config(), Names{Public: "/k/public", Server: "/k/server"})
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "srv") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReadTellsThatItWasRefused(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{Status: 400, Body: `{"__type":"AccessDeniedException","message":"no"}`}))
	if _, err := Read(t.Context(), s.Config(), Names{Public: "/k/p", Server: "/k/s"}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Fatalf("got %v", err)
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
