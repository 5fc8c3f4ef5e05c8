// Command sim plays random histories of Kesher and says which promises broke.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/kesher-io/kesher/infra/sim"
)

func main() {
	seeds := flag.Int("seeds", 1000, "histories to play")
	seed := flag.String("seed", "", "play this one alone and print what happened to whom a promise was broken to")
	first := flag.Uint64("first", uint64(time.Now().UnixMilli())*1000, "the first of them; fresh ones every time")
	bytes := flag.Bool("bytes", false, "all of them through the handlers' bytes, rather than one in twenty")
	people := flag.Int("people", 20, "customers in each history")
	until := flag.Bool("until-broken", false, "end with the first broken promise, and say only that")
	flag.Parse()
	o := sim.Options{People: *people, Bytes: *bytes}
	if *seed != "" {
		var n uint64
		if _, err := fmt.Sscan(*seed, &n); err != nil {
			fmt.Fprintf(os.Stderr, "sim: --seed %s is no number\n", *seed)
			os.Exit(2)
		}
		if r := sim.Tell(n, o, os.Stdout); len(r.Violations) > 0 {
			os.Exit(1)
		}
		return
	}
	if *until {
		o.Enough = 1
		if s := sim.Play(*first, *seeds, o); len(s.Broken) > 0 {
			fmt.Printf("after %d seeds, by seed %d: %s\n", s.Seeds, s.Broken[0].Seed, s.Broken[0].Violations[0])
			os.Exit(1)
		}
		return
	}
	fmt.Printf("seeds from %d on\n", *first)
	s := sim.Play(*first, *seeds, o)
	s.Print(os.Stdout)
	if len(s.Broken) > 0 {
		os.Exit(1)
	}
}
