// Package env names every environment variable of the deployed functions, once:
// the constructs set by it, the functions read by it. It knows no SDK and no
// function's work.
package env

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/item"
)

// Name of an environment variable.
type Name string

const (
	Stage     Name = "KESHER_STAGE"      // prod, or any other
	Domain    Name = "KESHER_DOMAIN"     // every sender's address lies in it or below
	PublicURL Name = "KESHER_PUBLIC_URL" // https, without a slash at its end: what links in mails begin with

	CustomersTable Name = "KESHER_CUSTOMERS_TABLE"
	LedgerTable    Name = "KESHER_LEDGER_TABLE"
	CatalogTable   Name = "KESHER_CATALOG_TABLE"
	InsightsTable  Name = "KESHER_INSIGHTS_TABLE"

	// Secrets are named here, never held (E24).
	SecretID    Name = "KESHER_SECRET_ID"     // Secrets Manager: the stack's secret
	ServerKeyID Name = "KESHER_SERVER_KEY_ID" // Secrets Manager: the key of servers
	IdentityID  Name = "KESHER_IDENTITY_ID"   // Secrets Manager: under which browsers prove a userId; default: the server key
	TypeformID  Name = "KESHER_TYPEFORM_ID"   // Secrets Manager: which Typeform signs its webhooks with; default: none are taken
	PublicKey   Name = "KESHER_PUBLIC_KEY"    // itself: it stands in every browser

	// Service mail and the rest leave under configuration sets of their own (B11).
	ServiceConfigurationSet   Name = "KESHER_SERVICE_CONFIGURATION_SET"
	MarketingConfigurationSet Name = "KESHER_MARKETING_CONFIGURATION_SET"

	BusName       Name = "KESHER_BUS_NAME"       // EventBridge; "default" is the account's own
	FailureBucket Name = "KESHER_FAILURE_BUCKET" // payloads that no handler could work
	Concurrency   Name = "KESHER_CONCURRENCY"    // how many instances share the SES rate
)

// Function is the name of a folder under functions.
type Function string

const (
	Collect  Function = "collect"
	Pages    Function = "pages"
	Journey  Function = "journey"
	Deliver  Function = "deliver"
	Feedback Function = "feedback"
	Clock    Function = "clock"
	Console  Function = "console"
)

// Variable is one that a function reads.
type Variable struct {
	Name     Name
	Optional bool
}

func need(names ...Name) []Variable {
	vs := make([]Variable, len(names))
	for i, n := range names {
		vs[i] = Variable{Name: n}
	}
	return vs
}

func may(names ...Name) []Variable {
	vs := need(names...)
	for i := range vs {
		vs[i].Optional = true
	}
	return vs
}

// common is what every function reads.
var common = need(Stage, Domain, PublicURL, CustomersTable, CatalogTable, InsightsTable, SecretID)

// own is what each function reads besides, in step with the rights that
// ARCHITECTURE section 6 gives it.
var own = map[Function][][]Variable{
	Collect:  {need(LedgerTable, PublicKey, ServerKeyID), may(IdentityID, TypeformID)},
	Pages:    {need(LedgerTable)},
	Journey:  {need(LedgerTable, BusName)},
	Deliver:  {need(ServiceConfigurationSet, MarketingConfigurationSet), may(Concurrency)},
	Feedback: {need(LedgerTable)},
	Clock:    {need(LedgerTable)},
	Console:  {need(LedgerTable, PublicKey, ServerKeyID, FailureBucket), may(IdentityID)},
}

// Variables lists what a function reads; the constructs set exactly these.
func Variables(f Function) []Variable {
	vs := append([]Variable(nil), common...)
	for _, group := range own[f] {
		vs = append(vs, group...)
	}
	return vs
}

// Config is a function's environment, read once. What the function does not
// read is empty.
type Config struct {
	Function Function
	values   map[Name]string
}

// Read reads the environment of a function by getenv (os.Getenv). The error
// names every variable that is missing or cannot be read.
func Read(f Function, getenv func(string) string) (Config, error) {
	if _, known := own[f]; !known {
		return Config{}, fmt.Errorf("no function %q", f)
	}
	c := Config{Function: f, values: map[Name]string{}}
	var problems []error
	for _, v := range Variables(f) {
		value := getenv(string(v.Name))
		c.values[v.Name] = value
		if value == "" && !v.Optional {
			problems = append(problems, fmt.Errorf("%s is not set (deploy sets it: make deploy)", v.Name))
		}
	}
	if u := c.Get(PublicURL); strings.HasSuffix(u, "/") {
		problems = append(problems, fmt.Errorf("%s is %q: it may not end in a slash", PublicURL, u))
	}
	return c, errors.Join(problems...)
}

// Get is the value of a variable.
func (c Config) Get(n Name) string { return c.values[n] }

// Prod says whether the stage mails everybody, not only test recipients.
func (c Config) Prod() bool { return c.Get(Stage) == "prod" }

// Tables gives the physical names.
func (c Config) Tables() map[item.Table]string {
	return map[item.Table]string{
		item.Customers: c.Get(CustomersTable),
		item.Ledger:    c.Get(LedgerTable),
		item.Catalog:   c.Get(CatalogTable),
		item.Insights:  c.Get(InsightsTable),
	}
}

// Instances is how many instances share the rate of SES; 1 when nothing says.
func (c Config) Instances() (int, error) {
	value := c.Get(Concurrency)
	if value == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q: a number from 1 is expected", Concurrency, value)
	}
	return n, nil
}

// ConsoleParameter is where a deploy notes, in SSM, the name of the stage's console
// function: the one fixed name by which the command finds a stage.
func ConsoleParameter(stage string) string { return "/kesher/" + stage + "/console" }
