// Package routes says which function answers which path. The HTTP API of the
// stack and the server of one machine are both made from it. It knows paths and
// names of functions, nothing of what is served there.
package routes

import (
	"strings"

	"github.com/kesher-io/kesher/shared/aws/env"
)

// Route is a path and the function that answers it.
type Route struct {
	// Path is exact, or ends in a slash and stands for everything below it, as
	// net/http's patterns do. The longest one that fits wins, there and in the
	// HTTP API (API Gateway developer guide, "Create routes for HTTP APIs").
	Path     string
	Function env.Function
	// Signed: on AWS the request must carry an IAM signature of somebody who may
	// call it. Every other function knows its callers by keys or tokens.
	Signed bool
}

// All are the routes that are served on AWS and on one machine alike.
var All = []Route{
	{Path: "/v1/", Function: env.Collect},
	{Path: "/openapi.json", Function: env.Collect},
	{Path: "/v1/profiles/", Function: env.Console}, // by the server key: CONTRACTS section 2
	{Path: "/admin/v1/", Function: env.Console, Signed: true},
	{Path: "/u/", Function: env.Pages},
	{Path: "/p", Function: env.Pages},
	{Path: "/p/", Function: env.Pages},
	{Path: "/c/", Function: env.Pages},
	{Path: "/s/", Function: env.Pages},
	{Path: "/l/", Function: env.Pages},
	{Path: "/o/", Function: env.Pages},
}

// Key is the route in the HTTP API's words. Every method goes to the function,
// which knows better than the API which ones there are, and answers in the form
// that callers of that path expect.
func (r Route) Key() string {
	if below, ok := strings.CutSuffix(r.Path, "/"); ok {
		return "ANY " + below + "/{proxy+}"
	}
	return "ANY " + r.Path
}
