// What is wrong with the page as it stands in the window: it scrolls sideways,
// text cannot be read on its ground (WCAG 2.2, 1.4.3), a control is too small to
// be hit (2.5.8) or has no name (4.1.2).
(() => {
  const wrong = []
  const root = document.documentElement
  if (root.scrollWidth > root.clientWidth) wrong.push(`it scrolls sideways: ${root.scrollWidth} in ${root.clientWidth}`)

  const shown = e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getBoundingClientRect().width > 1
  const called = e => `<${e.localName} class="${e.className}"> ${e.textContent.trim().slice(0, 30)}`

  // A colour as the screen shows it, whatever words the stylesheet has for it.
  const screen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const painted = layers => {
    screen.clearRect(0, 0, 1, 1)
    for (const colour of layers) { screen.fillStyle = colour; screen.fillRect(0, 0, 1, 1) }
    return screen.getImageData(0, 0, 1, 1).data
  }
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (x + 0.05) / (y + 0.05)
  }
  const grounds = e => e ? [...grounds(e.parentElement), getComputedStyle(e).backgroundColor] : ['Canvas']

  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()) || !shown(e)) continue
    const style = getComputedStyle(e), size = parseFloat(style.fontSize)
    const needed = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5
    const ground = grounds(e), got = contrast(painted(ground), painted([...ground, style.color]))
    if (got < needed) wrong.push(`contrast ${got.toFixed(2)} of ${called(e)}`)
  }
  for (const e of document.querySelectorAll('button, summary, select, textarea, input:not([type=hidden])')) {
    if (!shown(e)) continue
    const targets = [e, ...e.labels ?? []].map(target => target.getBoundingClientRect())
    if (targets.every(({ width, height }) => width < 24 || height < 24)) wrong.push(`${targets[0].width}x${targets[0].height} is too small for ${called(e)}`)
    if (!e.labels?.length && !e.textContent.trim() && !e.ariaLabel) wrong.push(`no name for ${called(e)}`)
  }
  for (const e of document.querySelectorAll('img:not([alt])')) wrong.push(`no alternative for ${e.src}`)
  return wrong
})()
