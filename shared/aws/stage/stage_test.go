package stage

import (
	"net/http"
	"strings"
	"testing"

	"github.com/kesher-io/kesher/shared/aws/internal/wire"
)

func TestTheConsoleIsFoundByTheStagesNameAlone(t *testing.T) {
	s := wire.Serve(t, wire.InTurn(
		wire.Answer{Body: `{"Parameter":{"Name":"/kesher/prod/console","Value":"Kesher-prod-App-Console1234"}}`},
		wire.Answer{Body: `{"statusCode":200}`},
	))
	function, err := Console(t.Context(), s.Config(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := function.Invoke(t.Context(), []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	asked, invoked := s.Requests()[0], s.Requests()[1]
	if asked.Operation != "GetParameter" || !strings.Contains(string(asked.Body), `"/kesher/prod/console"`) {
		t.Errorf("asked %s %s", asked.Operation, asked.Body)
	}
	if !strings.Contains(invoked.Path, "Kesher-prod-App-Console1234") {
		t.Errorf("invoked %s", invoked.Path)
	}
}

func TestAStageThatIsNotThereIsNamedWithItsRegion(t *testing.T) {
	s := wire.Serve(t, wire.Always(wire.Answer{
		Status: http.StatusBadRequest, Header: http.Header{"X-Amzn-Errortype": {"ParameterNotFound"}}, Body: `{"__type":"ParameterNotFound"}`,
	}))
	_, err := Console(t.Context(), s.Config(), "prod")
	if err == nil || !strings.Contains(err.Error(), `"prod"`) || !strings.Contains(err.Error(), s.Config().Region) {
		t.Fatalf("got %v", err)
	}
}
