package stack

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Settings are what a deploy chooses, each by `-c name=value` or in the context
// of cdk.json. The zero value of what is not named there is its default.
type Settings struct {
	Stage            string // prod, or any other: names the stacks
	Domain           string // every sender's address lies in it or below
	ExistingIdentity bool   // SES has the domain already, perhaps by another stack
	Arch             Arch
	CustomerKey      bool // encrypt with a key of the account's own
	Reserved         bool // reserve concurrency; new accounts refuse that
	Rate             int  // requests a second that the HTTP API takes
	Boundary         string
	Tags             map[string]string
	IdentitySecret   string // ARN in Secrets Manager: under which browsers prove a userId
	TypeformSecret   string // ARN in Secrets Manager: which Typeform signs its webhooks with
	AlarmTopic       string // ARN of an SNS topic that alarms go to
	Budget           int    // dollars a month, above which the topic is told
}

// Arch is a processor that Lambda offers.
type Arch string

const (
	ARM64 Arch = "arm64"
	X8664 Arch = "x86_64"
)

// defaultRate is far above what a shop of a million customers sends, and far
// below what one angry client could make an account pay for.
const defaultRate = 1000

// setting is one name that a deploy may give.
type setting struct {
	name, says string
	read       func(s *Settings, value string) error
}

// settings are all of them, in the words that a wrong one is answered with.
var settings = []setting{
	{"stage", "prod, or any other name: letters and digits, at most 20 (default dev)", readStage},
	{"domain", "the domain that mail is sent from, such as mail.example.com", readDomain},
	{"identity", "existing: SES has the domain already", choice("existing", func(s *Settings) { s.ExistingIdentity = true })},
	{"arch", "arm64 (default) or x86_64", readArch},
	{"keys", "customer: encrypt with a KMS key of this account", choice("customer", func(s *Settings) { s.CustomerKey = true })},
	{"reserved", "on: reserve concurrency for the door, the mails and the clock", choice("on", func(s *Settings) { s.Reserved = true })},
	{"rate", "requests a second that the HTTP API takes (default 1000)", number(func(s *Settings) *int { return &s.Rate }, 10_000)},
	{"boundary", "name or ARN of the permissions boundary of every role", text(func(s *Settings) *string { return &s.Boundary })},
	{"tags", "key=value,... on everything", readTags},
	{"identity-secret", "ARN of the secret, in Secrets Manager, under which browsers prove a userId (default: the server key)", arn(func(s *Settings) *string { return &s.IdentitySecret })},
	{"typeform-secret", "ARN of the secret, in Secrets Manager, which Typeform signs its webhooks with (default: none are taken)", arn(func(s *Settings) *string { return &s.TypeformSecret })},
	{"alarm-topic", "ARN of an SNS topic that alarms go to", arn(func(s *Settings) *string { return &s.AlarmTopic })},
	{"budget", "dollars a month that the account may cost before the alarm topic is told (default 100)", number(func(s *Settings) *int { return &s.Budget }, 1_000_000)},
}

// ReadSettings reads the app's context. The error says of every setting that is
// missing, unknown or wrong what to give instead.
func ReadSettings(context map[string]any) (Settings, error) {
	s := Settings{Stage: "dev", Arch: ARM64, Rate: defaultRate, Budget: defaultBudget}
	problems := []error{unknown(context)}
	for _, one := range settings {
		value, given := context[one.name]
		if !given {
			continue
		}
		if err := one.read(&s, fmt.Sprint(value)); err != nil {
			problems = append(problems, fmt.Errorf("-c %s=%v: %w (%s)", one.name, value, err, one.says))
		}
	}
	if s.Domain == "" {
		problems = append(problems, errors.New("the domain is missing: give the one that mail is sent from, -c domain=mail.example.com"))
	}
	return s, errors.Join(problems...)
}

// own are names that only we use; CDK's own carry a colon, a slash or an @.
var own = regexp.MustCompile(`^[a-z-]+$`)

// unknown finds misspelt settings, which would otherwise do nothing in silence.
func unknown(context map[string]any) error {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(context)) {
		if own.MatchString(name) && !slices.Contains(names, name) {
			problems = append(problems, fmt.Errorf("there is no setting -c %s (there are: %s)", name, strings.Join(names, ", ")))
		}
	}
	return errors.Join(problems...)
}

var stageName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,19}$`)

func readStage(s *Settings, value string) error {
	if !stageName.MatchString(value) {
		return errors.New("no name for a stage")
	}
	s.Stage = value
	return nil
}

var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$`)

func readDomain(s *Settings, value string) error {
	if len(value) > 240 || !domainName.MatchString(value) {
		return errors.New("no domain in lower case")
	}
	s.Domain = value
	return nil
}

func readArch(s *Settings, value string) error {
	s.Arch = Arch(value)
	if s.Arch != ARM64 && s.Arch != X8664 {
		return errors.New("Lambda has no such processor")
	}
	return nil
}

func number(field func(*Settings) *int, most int) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > most {
			return fmt.Errorf("no number from 1 to %d", most)
		}
		*field(s) = n
		return nil
	}
}

func readTags(s *Settings, value string) error {
	s.Tags = map[string]string{}
	for entry := range strings.SplitSeq(value, ",") {
		key, value, ok := strings.Cut(entry, "=")
		if !ok || key == "" || value == "" {
			return fmt.Errorf("%q is no key=value", entry)
		}
		s.Tags[key] = value
	}
	return nil
}

// choice is a setting that knows one word besides its default.
func choice(word string, set func(*Settings)) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		if value != word {
			return errors.New("not known")
		}
		set(s)
		return nil
	}
}

func arn(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		if !isARN(value) {
			return errors.New("no ARN")
		}
		*field(s) = value
		return nil
	}
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		if value == "" || strings.ContainsAny(value, " \t\n") {
			return errors.New("empty, or with a space in it")
		}
		*field(s) = value
		return nil
	}
}
