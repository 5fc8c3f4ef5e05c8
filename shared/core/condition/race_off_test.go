//go:build !race

package condition_test

const raced = false
