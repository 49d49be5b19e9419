"""damage_test.py - painting only what changed gives the same picture as painting everything"""
import random

import rig
import wire


class Twin:
    """The same steps on two desktops, one of which repaints everything for every frame."""

    def __init__(self, desktop):
        self.desktops = [desktop, rig.Desktop({"WLR_SCENE_DEBUG_DAMAGE": "rerender"})]

    def close(self):
        return self.desktops[1].close()

    def each(self, function, *lists):
        return [function(desktop, *[values[i] for values in lists]) for i, desktop in enumerate(self.desktops)]

    def equal(self, what):
        rig.wait_for(f"equal pictures after {what}",
                     lambda: len({d.picture().pixels for d in self.desktops}) == 1)


def partial_repaints_moves_and_resizes(desktop):
    twin = Twin(desktop)
    try:
        scenario(twin)
    finally:
        log = twin.close()
    assert "Sanitizer" not in log, log


def scenario(twin):
    generator = random.Random(5)
    twin.each(lambda d: d.start_vm(3, "work", "cc0000"))
    twin.each(lambda d: d.start_vm(4, "personal", "3465a4"))
    agents = [twin.each(lambda d: rig.Agent(d, domid)) for domid in (3, 4)]
    windows = [twin.each(lambda d, a: a.window(300, 200, 0x111111 * n), agents[n]) for n in (0, 1)]
    pages = [agents[n][0].first_page for n in (0, 1)]
    twin.equal("the windows")
    for step in range(60):
        n, act = generator.randrange(2), generator.randrange(6)
        domid = 3 + n
        if act == 0:
            x, y, w, _ = twin.desktops[0].window(domid=domid)["inner"]
            to = generator.randrange(1280), generator.randrange(720)
            twin.each(lambda d: d.drag(x + w // 2, y - 10, *to))
        elif act == 1:
            at = generator.randrange(1280), generator.randrange(720)
            twin.each(lambda d: d.move(*at))
        elif act == 2:
            text = "".join(generator.choices("abcdefgh", k=8))
            twin.each(lambda d, a, w: a.send(wire.TITLE, w[0], text=text), agents[n], windows[n])
        else:  # lines first..last of the window change, and only they are told
            first = generator.randrange(199)
            last, colour = generator.randrange(first + 1, 200), generator.getrandbits(24)

            def repaint(d, agent, window):
                agent.memory.seek(pages[n] * 4096 + first * 300 * 4)
                agent.memory.write(colour.to_bytes(4, "little") * 300 * (last - first))
                seen = len(agent.got)
                agent.commit(window[0], window[1], 300, 200, damage=[(0, first, 300, last - first)])
                return seen
            twin.each(repaint, agents[n], windows[n])
        twin.equal(f"step {step}")


if __name__ == "__main__":
    rig.main_of(globals())
