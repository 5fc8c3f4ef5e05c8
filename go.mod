module github.com/kesher-io/kesher

go 1.26

require (
	github.com/alecthomas/kong v1.17.0 // flags, verbs and help of the command
	github.com/aws/aws-cdk-go/awscdk/v2 v2.270.0 // the stacks
	github.com/aws/aws-lambda-go v1.55.1 // Lambda's runtime interface
	github.com/aws/aws-sdk-go-v2 v1.48.0 // AWS, and the services below
	github.com/aws/aws-sdk-go-v2/config v1.33.18 // the command's credentials, as every AWS tool finds them
	github.com/aws/aws-sdk-go-v2/credentials v1.21.0 // a function's credentials
	github.com/aws/aws-sdk-go-v2/service/dynamodb v1.74.0 // the store on AWS
	github.com/aws/aws-sdk-go-v2/service/eventbridge v1.55.10 // events out
	github.com/aws/aws-sdk-go-v2/service/lambda v1.114.3 // the command reaches the console function
	github.com/aws/aws-sdk-go-v2/service/secretsmanager v1.50.11 // the stack's secret
	github.com/aws/aws-sdk-go-v2/service/sesv2 v1.79.8 // mail out
	github.com/aws/aws-sdk-go-v2/service/ssm v1.82.0 // API keys
	github.com/aws/constructs-go/constructs/v10 v10.6.0 // the stacks
	github.com/aws/jsii-runtime-go v1.139.0 // the stacks
	github.com/aws/smithy-go v1.28.9 // the SDK's error and retry types
	github.com/cdklabs/cdk-nag-go/cdknag/v2 v2.38.2 // tests only: judges the stacks
	github.com/chromedp/cdproto v0.159.0 // tests only: the browser's protocol
	github.com/chromedp/chromedp v0.23.0 // tests only: drives the pages in a real browser
	github.com/cockroachdb/pebble/v2 v2.1.7 // the store of one machine
	github.com/expr-lang/expr v1.17.8 // conditions' grammar
	github.com/go-json-experiment/json v1.27.2 // encoding/json/v2, which Go has from 1.27 on: reads documents
	github.com/osteele/liquid v1.9.2 // templates' grammar
	github.com/preslavrachev/gomjml v0.10.0 // MJML, at publish only
	github.com/rogpeppe/go-internal v1.14.1 // tests only: the command's scripts
	github.com/segmentio/analytics-go/v3 v3.3.0 // tests only: an official SDK drives collect
	go.yaml.in/yaml/v3 v3.0.6 // catalogs, at publish only
	golang.org/x/net v0.57.0 // HTML parsing, international domain names
	golang.org/x/sync v0.22.0 // bounded groups of goroutines
	golang.org/x/text v0.40.0 // languages and directions
	golang.org/x/time v0.3.0 // token bucket of the sender
	pgregory.net/rapid v1.3.0 // tests only: properties
)

require (
	github.com/DataDog/zstd v1.5.7 // indirect
	github.com/Masterminds/semver/v3 v3.5.0 // indirect
	github.com/RaduBerinde/axisds v0.1.0 // indirect
	github.com/RaduBerinde/btreemap v0.0.0-20250419174037-3d62b7205d54 // indirect
	github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream v1.7.27 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.9 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.25 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery v1.13.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.13.1 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.5 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.5 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.52.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/bmizerany/assert v0.0.0-20160611221934-b7ed37b82869 // indirect
	github.com/cdklabs/awscdk-asset-awscli-go/awscliv1/v2 v2.2.292 // indirect
	github.com/cdklabs/awscdk-asset-node-proxy-agent-go/nodeproxyagentv6/v2 v2.1.2 // indirect
	github.com/cdklabs/cloud-assembly-schema-go/awscdkcloudassemblyschema/v54 v54.11.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cockroachdb/crlib v0.0.0-20241112164430-1264a2edc35b // indirect
	github.com/cockroachdb/errors v1.11.3 // indirect
	github.com/cockroachdb/logtags v0.0.0-20230118201751-21c54148d20b // indirect
	github.com/cockroachdb/redact v1.1.5 // indirect
	github.com/cockroachdb/swiss v0.0.0-20260820225851-333444432258 // indirect
	github.com/cockroachdb/tokenbucket v0.0.0-20230807174530-cc333fc44b06 // indirect
	github.com/fatih/color v1.19.0 // indirect
	github.com/getsentry/sentry-go v0.27.0 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/protobuf v1.5.3 // indirect
	github.com/golang/snappy v0.0.5-0.20231225225746-43d5d4cd4e0e // indirect
	github.com/google/uuid v1.3.0 // indirect
	github.com/klauspost/compress v1.17.11 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.23 // indirect
	github.com/matttproud/golang_protobuf_extensions v1.0.4 // indirect
	github.com/minio/minlz v1.0.1-0.20250507153514-87eb42fe8882 // indirect
	github.com/osteele/tuesday v1.1.1 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/prometheus/client_golang v1.16.0 // indirect
	github.com/prometheus/client_model v0.3.0 // indirect
	github.com/prometheus/common v0.42.0 // indirect
	github.com/prometheus/procfs v0.10.1 // indirect
	github.com/segmentio/backo-go v1.0.0 // indirect
	github.com/yuin/goldmark v1.7.16 // indirect
	golang.org/x/exp v0.0.0-20230626212559-97b1e661b5df // indirect
	golang.org/x/lint v0.0.0-20241112194109-818c5a804067 // indirect
	golang.org/x/mod v0.38.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/telemetry v0.0.0-20260708182218-49f421fb7959 // indirect
	golang.org/x/tools v0.48.0 // indirect
	golang.org/x/tools/cmd/godoc v0.1.0-deprecated // indirect
	golang.org/x/tools/godoc v0.1.0-deprecated // indirect
	google.golang.org/protobuf v1.36.8 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)

ignore ./infra/tools/node_modules
