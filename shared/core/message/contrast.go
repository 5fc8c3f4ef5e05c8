package message

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// minContrast is WCAG 2.2 success criterion 1.4.3 for text of any size.
const minContrast = 4.5

// rgb is a colour of sRGB, without transparency.
type rgb struct{ r, g, b uint8 }

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

var (
	black    = rgb{0, 0, 0}
	white    = rgb{255, 255, 255}
	linkBlue = rgb{0, 0, 0xee} // of a link without a colour of its own (HTML Standard 15.3.1)
)

// named are the CSS colours that mails are written with; others count as unknown.
var named = map[string]rgb{
	"black": black, "white": white, "red": {255, 0, 0}, "green": {0, 128, 0}, "blue": {0, 0, 255},
	"gray": {128, 128, 128}, "grey": {128, 128, 128}, "silver": {192, 192, 192}, "navy": {0, 0, 128},
	"maroon": {128, 0, 0}, "purple": {128, 0, 128}, "teal": {0, 128, 128}, "olive": {128, 128, 0},
	"yellow": {255, 255, 0}, "orange": {255, 165, 0},
}

var (
	hexColor = regexp.MustCompile(`^#([0-9a-f]{3}|[0-9a-f]{6})$`)
	rgbColor = regexp.MustCompile(`^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$`)
)

// parseColor reads a colour; ok is false for what is none or not known here.
func parseColor(s string) (c rgb, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if c, ok := named[s]; ok {
		return c, true
	}
	if m := hexColor.FindStringSubmatch(s); m != nil {
		digits := m[1]
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		n, err := strconv.ParseUint(digits, 16, 32)
		return rgb{uint8(n >> 16), uint8(n >> 8), uint8(n)}, err == nil
	}
	if m := rgbColor.FindStringSubmatch(s); m != nil {
		var parts [3]uint8
		for i := range parts {
			n, _ := strconv.Atoi(m[i+1]) // three digits
			parts[i] = uint8(min(n, 255))
		}
		return rgb{parts[0], parts[1], parts[2]}, true
	}
	return rgb{}, false
}

// colorOr finds the colour in a CSS value, which may be a shorthand.
func colorOr(value string, otherwise rgb) rgb {
	if c, ok := parseColor(value); ok {
		return c
	}
	for _, word := range strings.Fields(value) {
		if c, ok := parseColor(word); ok {
			return c
		}
	}
	return otherwise
}

// Contrast is WCAG's ratio of two colours as CSS writes them; false if one is none
// that is known here.
func Contrast(a, b string) (ratio float64, ok bool) {
	x, known := parseColor(a)
	y, too := parseColor(b)
	return contrast(x, y), known && too
}

// contrast is WCAG's ratio of the relative luminances, 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(c rgb) float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= 0.04045 {
		return x / 12.92
	}
	return math.Pow((x+0.055)/1.055, 2.4)
}
