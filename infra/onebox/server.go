package onebox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/kesher-io/kesher/shared/aws/env"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/routes"
	"github.com/kesher-io/kesher/shared/core/item"
)

// routes sends each path to its function, as the HTTP API does on AWS; what
// stands besides is this machine's alone.
func (b *Box) routes() http.Handler {
	console := httpapi.Gateway(b.functions.console)
	functions := map[env.Function]http.Handler{
		env.Collect: httpapi.Gateway(b.functions.collect), env.Pages: httpapi.Gateway(b.functions.pages), env.Console: console,
	}
	mux := http.NewServeMux()
	for _, r := range routes.All {
		mux.Handle(r.Path, functions[r.Function])
	}
	mux.Handle("/mailbox", ownOrigin(b.mailbox.Handler()))
	mux.Handle("/mailbox/", ownOrigin(b.mailbox.Handler()))
	mux.HandleFunc("GET /healthz", b.health)
	mux.Handle("/", ownOrigin(console))
	return loopbackHost(mux)
}

func (b *Box) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "ok", "now": item.Time(b.clock.Now(""))}) // the client is gone otherwise
}

// loopbackHost answers only to a loopback Host: a page elsewhere that has made
// its own name point here reads nothing (DNS rebinding).
func loopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "this server answers to 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownOrigin lets a POST pass from our own pages or from no page at all.
func ownOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
			u, err := url.Parse(origin)
			if err != nil || u.Host != r.Host {
				http.Error(w, "posts from other origins are refused", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// listen takes the port on the loopback address alone.
func listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use (stop the other program, or choose another port: --port 0 picks a free one)", port)
	}
	return l, err
}

// serve answers until ctx ends, then lets what is in hand finish.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(finish)
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		return served
	}
	return err
}
