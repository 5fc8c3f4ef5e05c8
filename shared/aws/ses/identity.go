package ses

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
)

// Record is a DNS record that SES counts on.
type Record struct {
	Name, Type, Value string
}

// Identity asks which DNS records SES expects of a domain that mail leaves from
// (SES developer guide, "Easy DKIM" and "Using a custom MAIL FROM domain"). region
// is the one the identity stands in.
func (m *Mailer) Identity(ctx context.Context, domain, region string) ([]Record, error) {
	out, err := m.client.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: &domain})
	if err != nil {
		return nil, fmt.Errorf("SES identity %s: %w", domain, err)
	}
	var records []Record
	if d := out.DkimAttributes; d != nil {
		zone := aws.ToString(d.SigningHostedZone)
		if zone == "" {
			zone = "dkim.amazonses.com"
		}
		for _, token := range d.Tokens {
			records = append(records, Record{token + "._domainkey." + domain, "CNAME", token + "." + zone})
		}
	}
	if f := out.MailFromAttributes; f != nil && aws.ToString(f.MailFromDomain) != "" {
		from := aws.ToString(f.MailFromDomain)
		records = append(records,
			Record{from, "MX", "feedback-smtp." + region + ".amazonses.com"},
			Record{from, "TXT", "v=spf1 include:amazonses.com"})
	}
	return records, nil
}
