package liquid

import (
	"errors"
	"fmt"
)

// Limits of one mail, over all its parts.
const (
	maxSteps  = 10_000  // loop iterations, nested ones included
	maxWork   = 500_000 // evaluated words of expressions in loops (see cost)
	maxOutput = 1 << 20 // bytes written, also into captures
	maxFilter = 16 << 20
	maxValue  = 64 << 10 // bytes of one value that a filter makes
	maxList   = 10_000   // elements of one list that a filter makes
)

// budget is what rendering one mail has used up. A template that is refused by
// it would be refused always: none of it depends on time.
type budget struct {
	steps, work, output, filter int
}

var (
	errSteps  = fmt.Errorf("loops run through more than %d steps in one mail", maxSteps)
	errWork   = errors.New("loops evaluate too much in one mail")
	errOutput = fmt.Errorf("the mail is larger than %d KB", maxOutput>>10)
	errFilter = fmt.Errorf("filters work through more than %d MB in one mail", maxFilter>>20)
	errValue  = fmt.Errorf("a filter makes a text longer than %d KB", maxValue>>10)
	errList   = fmt.Errorf("a filter makes a list of more than %d elements", maxList)
)

// step is one iteration of a loop whose body costs work.
func (b *budget) step(work int) error {
	b.steps++
	b.work += work
	switch {
	case b.steps > maxSteps:
		return errSteps
	case b.work > maxWork:
		return errWork
	}
	return nil
}

func (b *budget) write(n int) error {
	if b.output += n; b.output > maxOutput {
		return errOutput
	}
	return nil
}

func (b *budget) filterBytes(n int) error {
	if b.filter += n; b.filter > maxFilter {
		return errFilter
	}
	return nil
}
