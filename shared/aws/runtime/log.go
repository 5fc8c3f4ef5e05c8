package runtime

import (
	"fmt"
	"io"
	"log/slog"
)

// NewLogger returns a logger of JSON lines that carry the service's name. It
// shows plain values, errors and what prints itself; of anything else, which
// encoding/json would lay open with every personal field in it, only the type.
func NewLogger(out io.Writer, service string) *slog.Logger {
	handler := slog.NewJSONHandler(out, &slog.HandlerOptions{ReplaceAttr: plain})
	return slog.New(handler).With("service", service)
}

func plain(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindAny {
		return a
	}
	switch v := a.Value.Any().(type) {
	case error:
		return slog.String(a.Key, v.Error())
	case fmt.Stringer:
		return slog.String(a.Key, v.String())
	case []string:
		return a
	default:
		return slog.String(a.Key, fmt.Sprintf("[%T]", v))
	}
}
