//go:build race

package condition_test

// raced: the race detector makes everything some ten times slower, so that times
// say nothing.
const raced = true
