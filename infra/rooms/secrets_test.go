package rooms

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secrets are the shapes of what opens something, as their issuers document them.
var secrets = map[string]*regexp.Regexp{
	"an AWS access key":    regexp.MustCompile(`\b(AKIA|ASIA)[0-9A-Z]{16}\b`),
	"an AWS secret key":    regexp.MustCompile(`(?i)secret_?access_?key["']?\s*[:=]\s*["']?[A-Za-z0-9/+]{40}\b`),
	"a private key":        regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`),
	"a token of GitHub":    regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b`),
	"a token of npm":       regexp.MustCompile(`\bnpm_[A-Za-z0-9]{36}\b`),
	"a token of Slack":     regexp.MustCompile(`\bxox[abprs]-[A-Za-z0-9-]{10,}`),
	"a password in an URL": regexp.MustCompile(`\b[a-z]{3,}://[^/\s:@"'<>{}$]+:[^/\s:@"'<>{}$]{6,}@`),
}

// E24: nothing that opens something stands in the tree.
func TestE24NoSecretIsCommitted(t *testing.T) {
	files := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && slices.Contains(never, d.Name()) {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		for what, shape := range secrets {
			for _, found := range shape.FindAll(text, -1) {
				if bytes.Contains(found, []byte("EXAMPLE")) { // AWS's own, of its documentation
					continue
				}
				t.Errorf("%s:%d holds %s: %.12s...", name, 1+bytes.Count(text[:bytes.Index(text, found)], []byte("\n")), what, found)
			}
		}
		return nil
	})
	if err != nil || files < 300 {
		t.Fatalf("%d files were read (%v)", files, err)
	}
}

// never are the folders that are not committed (.gitignore).
var never = []string{".git", ".kesher", "bin", "build", "cdk.out", "node_modules", ".venv"}

func TestEveryShapeOfASecretIsFound(t *testing.T) {
	x := strings.Repeat("Ab1", 20)
	for what, text := range map[string]string{
		"an AWS access key": "AK" + "IA" + strings.ToUpper(x[:16]), "an AWS secret key": "aws_secret_access_" + `key = "` + x[:40] + `"`,
		"a private key": "-----BEGIN EC PRIVATE" + " KEY-----", "a token of GitHub": "gh" + "p_" + x[:36], "a token of npm": "np" + "m_" + x[:36],
		"a token of Slack": "xo" + "xb-" + x[:12], "a password in an URL": "https://user:" + x[:8] + "@host.example",
	} {
		if !secrets[what].MatchString(text) {
			t.Errorf("%s is not found in %s", what, text)
		}
	}
	if len(secrets) != 7 {
		t.Errorf("%d shapes are tried of %d", 7, len(secrets))
	}
}
