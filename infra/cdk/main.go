// Command cdk is the CDK app: cdk.json runs it.
package main

import "github.com/kesher-io/kesher/infra/cdk/synth"

func main() { synth.Main(nil, nil) }
