package message

// maxLine is the longest line of quoted-printable (RFC 2045 section 6.7 rule 5).
const maxLine = 76

// quote appends text as quoted-printable, its line breaks as CRLF. It does what
// mime/quotedprintable does, several times as fast, which is a fifth of the time
// that a mail has (BenchmarkRender); FuzzQuote holds it against that package.
func quote(b []byte, text string) []byte {
	const upper = "0123456789ABCDEF"
	column := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c == '\n' || c == '\r' {
			if c == '\r' && i+1 < len(text) && text[i+1] == '\n' {
				i++
			}
			b = append(b, "\r\n"...)
			column = 0
			i++
			continue
		}
		if n := plainRun(text[i:], maxLine-1-column); n > 0 {
			b = append(b, text[i:i+n]...)
			column += n
			i += n
			continue
		}
		width := 3
		if isLiteral[c] && !endsLine(text[i:]) {
			width = 1
		}
		if column+width > maxLine-1 {
			b = append(b, "=\r\n"...)
			column = 0
			continue
		}
		if width == 1 {
			b = append(b, c)
		} else {
			b = append(b, '=', upper[c>>4], upper[c&15])
		}
		column += width
		i++
	}
	return b
}

// isLiteral are the bytes that stand for themselves.
var isLiteral = func() (table [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		table[c] = c != '='
	}
	table['\t'] = true
	return table
}()

// endsLine: white space at the end of a line may be lost on the way.
func endsLine(text string) bool {
	return (text[0] == ' ' || text[0] == '\t') && (len(text) == 1 || text[1] == '\n' || text[1] == '\r')
}

// plainRun is how many bytes, at most limit, stand for themselves. White space
// counts only when something follows it in the run.
func plainRun(text string, limit int) int {
	text = text[:min(len(text), limit)]
	n := 0
	for n < len(text) && isLiteral[text[n]] {
		n++
	}
	for n > 0 && (text[n-1] == ' ' || text[n-1] == '\t') {
		n--
	}
	return n
}
