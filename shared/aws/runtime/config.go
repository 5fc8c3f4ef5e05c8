package runtime

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kesher-io/kesher/shared/aws/transport"
)

// awsConfig reads what Lambda sets for every function (Lambda developer guide,
// "Defined runtime environment variables"), and the SDK's own AWS_ENDPOINT_URL,
// by which an emulator is reached. The SDK's config package would also look for
// files, profiles, SSO and instance metadata, none of which a function has, and
// costs a cold start its time and the binary its size.
func awsConfig(getenv func(string) string) (aws.Config, error) {
	var problems []error
	required := func(name string) string {
		value := getenv(name)
		if value == "" {
			problems = append(problems, fmt.Errorf("%s is not set (Lambda sets it)", name))
		}
		return value
	}
	cfg := aws.Config{Region: required("AWS_REGION"), HTTPClient: transport.New()}
	id, secret := required("AWS_ACCESS_KEY_ID"), required("AWS_SECRET_ACCESS_KEY")
	cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN"))
	if endpoint := getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		cfg.BaseEndpoint = &endpoint
	}
	return cfg, errors.Join(problems...)
}
