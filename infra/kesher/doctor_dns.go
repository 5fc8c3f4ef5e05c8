package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/kesher-io/kesher/shared/flow/doctor"
)

// record is a DNS record that somebody counts on.
type record struct{ Name, Type, Value string }

// resolver asks DNS; *net.Resolver is one.
type resolver interface {
	LookupCNAME(ctx context.Context, host string) (string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// examineDNS holds the records of the senders' domains against what is expected,
// and looks for the policy that large receivers demand of every sender.
func examineDNS(ctx context.Context, dns resolver, senders []string, expected []record) []doctor.Finding {
	var findings []doctor.Finding
	for _, r := range expected {
		values, err := lookUp(ctx, dns, r)
		if err != nil || !slices.ContainsFunc(values, r.fits) {
			findings = append(findings, mismatch(r, values, err))
		}
	}
	for _, domain := range senders {
		if ok, err := hasDMARC(ctx, dns, domain); err != nil {
			findings = append(findings, mismatch(record{"_dmarc." + domain, "TXT", "v=DMARC1; p=..."}, nil, err))
		} else if !ok {
			findings = append(findings, doctor.Finding{
				Name: "dns-dmarc", What: "there is no DMARC policy: large receivers refuse bulk mail without one", Where: "_dmarc." + domain,
				Cure: fmt.Sprintf(`add the record: _dmarc.%s TXT "v=DMARC1; p=none; rua=mailto:postmaster@%s"`, domain, domain),
			})
		}
	}
	return findings
}

func lookUp(ctx context.Context, dns resolver, r record) (values []string, err error) {
	switch r.Type {
	case "CNAME":
		value, err := dns.LookupCNAME(ctx, r.Name)
		return []string{value}, absent(err)
	case "MX":
		list, err := dns.LookupMX(ctx, r.Name)
		for _, mx := range list {
			values = append(values, mx.Host)
		}
		return values, absent(err)
	}
	values, err = dns.LookupTXT(ctx, r.Name)
	return values, absent(err)
}

// absent: that a name does not exist is an answer.
func absent(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return nil
	}
	return err
}

// fits: names compare without case and final dot, texts by how they begin.
func (r record) fits(value string) bool {
	value = strings.ToLower(strings.TrimSuffix(value, "."))
	if r.Type == "TXT" {
		return strings.HasPrefix(value, r.Value)
	}
	return value == strings.ToLower(r.Value)
}

func mismatch(r record, found []string, err error) doctor.Finding {
	f := doctor.Finding{
		Name: "dns-mismatch", What: "the record is missing", Where: r.Name,
		Cure: fmt.Sprintf("set the record: %s %s %s", r.Name, r.Type, r.Value),
	}
	found = slices.DeleteFunc(slices.Clone(found), func(v string) bool {
		return v == "" || strings.TrimSuffix(v, ".") == strings.TrimSuffix(r.Name, ".") // no CNAME: the name itself
	})
	if len(found) > 0 {
		f.What = fmt.Sprintf("the %s record says %s", r.Type, strings.Join(found, ", "))
	}
	if err != nil {
		f.What, f.Cure = "DNS did not answer: "+err.Error(), "try again; if it stays so, look at the domain's name servers"
	}
	return f
}

// hasDMARC looks for a policy at the domain and above it, as receivers do (RFC
// 9989, "DNS Tree Walk"; a top-level domain's own policy is none of ours).
func hasDMARC(ctx context.Context, dns resolver, domain string) (bool, error) {
	for strings.Contains(domain, ".") {
		texts, err := dns.LookupTXT(ctx, "_dmarc."+domain)
		if err := absent(err); err != nil {
			return false, err
		}
		if slices.ContainsFunc(texts, func(t string) bool { return strings.HasPrefix(t, "v=DMARC1") }) {
			return true, nil
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return false, nil
}
