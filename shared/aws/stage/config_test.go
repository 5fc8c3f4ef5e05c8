package stage

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// Behind a company's proxy AWS tools are told of its certificates by
// AWS_CA_BUNDLE; ours is one of them.
func TestConfigTrustsTheCertificatesOfAWS_CA_BUNDLE(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	t.Setenv("AWS_REGION", "eu-west-1")
	cfg, err := Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := cfg.HTTPClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestConfigKeepsTheClientThatLosesNoReply(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	cfg, err := Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := cfg.HTTPClient.(*http.Client); !ok {
		t.Fatalf("the client is a %T, not one of package transport", cfg.HTTPClient)
	}
}
