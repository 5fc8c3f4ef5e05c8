// Package pages is the function behind the links of a mail: the customers' pages
// as one http.Handler, which shared/aws/httpapi serves on Lambda and net/http on
// one machine.
package pages

import (
	"log/slog"
	"net/http"

	"github.com/kesher-io/kesher/shared/flow/preferences"
	"github.com/kesher-io/kesher/shared/pages"
)

// New assembles the pages over their flow. base is the address under which
// customers reach them.
func New(f *preferences.Service, base string, log *slog.Logger) http.Handler {
	return pages.New(pages.Config{Flow: f, Releases: f.Releases, Ring: f.Ring, Base: base, Log: log})
}
