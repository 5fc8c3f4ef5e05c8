// Package console is the function behind the status page, the admin API and
// /v1/profiles, which reads and forgets all of one person. It assembles handlers
// and knows nothing of what they do; shared/aws/httpapi serves them on Lambda and
// net/http on one machine.
package console

import (
	"context"
	"net/http"

	"github.com/kesher-io/kesher/functions/collect"
	"github.com/kesher-io/kesher/shared/console"
)

// Config is the console's, and the keys of the API.
type Config struct {
	console.Config
	PublicKey, ServerKey string
	// Base is the address under which the API is reached.
	Base string
}

// New serves every path of the console function. The status page and the admin
// API demand what Config.Admin and Config.Page demand, profiles the server key.
func New(c Config) http.Handler {
	profiles := collect.NewProfiles(collect.Config{
		Flow: c.Collect, PublicKey: c.PublicKey, ServerKey: c.ServerKey, Base: c.Base, Log: c.Log,
		Erase: func(ctx context.Context, userID string) (any, error) {
			return c.Erase.Erase(ctx, c.Keys.Customer(userID))
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/v1/profiles/", profiles)
	mux.Handle("/", console.New(c.Config))
	return mux
}
