"""Fleets of servers by the rules of doc/fleets.md, worked out in the plainest way: every instance looked at, every instant of
interest walked through, exact fractions. What `millibill savings --fleet` is compared with."""
from fractions import Fraction
from math import ceil, floor

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
DEFAULTS = {"headroom_percent": 20, "mb_per_vcpu": 1769, "minimum": 2, "maximum": 50, "alarm_s": 30, "scale_out_delay_s": 60,
            "boot_s": 90, "cooldown_s": 60, "scale_in_s": 900, "wait_s": 30}


def cents(amount):
    """Half up to two digits, of an amount that is not negative."""
    return Fraction(floor(amount * 100 + Fraction(1, 2)), 100)


def clip(runs, end):
    """What ran within 0..end, in the order of the start; of those that start at once the shorter, the smaller first."""
    inside = []
    for start, duration, memory, used in runs:
        begin = max(start, 0)
        length = start + duration - begin
        if begin < end and length > 0:
            inside.append((begin, length, memory, used))
    return sorted(inside)


def peak(runs, end, weight):
    edges = {}
    for start, length, memory, used in runs:
        for at, sign in ((start, 1), (min(start + length, end), -1)):
            edges[at] = edges.get(at, 0) + sign * (memory if weight == "memory" else used if weight == "used" else 1)
    level = most = 0
    for at in sorted(edges):
        level += edges[at]
        most = max(most, level)
    return most


class Size:
    """An instance in whole MB of memory and of configured memory that its vCPU carry."""

    def __init__(self, kind, rules):
        self.memory = floor(Fraction(kind["memory_gb"]) * 1024)
        self.share = floor(Fraction(kind["vcpu"]) * rules["mb_per_vcpu"])
        usable = Fraction(100, 100 + rules["headroom_percent"])
        self.plan_memory, self.plan_share = max(1, floor(self.memory * usable)), max(1, floor(self.share * usable))
        self.baseline = None
        if kind["burst"] == "baseline":
            self.baseline = Fraction(kind["vcpu"]) * Fraction(kind["baseline_percent"]) / 100 * rules["mb_per_vcpu"]
            self.plan_share_scaled = max(1, floor(self.baseline * usable))
        else:
            self.plan_share_scaled = self.plan_share


def first_fit(runs, memory, share):
    """Instances that are needed when each run goes to the first one with room."""
    instances = []  # of lists of (end, memory, share)
    for start, length, configured, used in runs:
        need = (min(used, memory), min(configured, share))
        for instance in instances:
            instance[:] = [run for run in instance if run[0] > start]
            if sum(run[1] for run in instance) + need[0] <= memory and sum(run[2] for run in instance) + need[1] <= share:
                break
        else:
            instance = []
            instances.append(instance)
        instance.append((start + length, *need))
    return max(1, len(instances))


def fixed_count(runs, size, end, rules, headroom):
    usable = Fraction(100, 100 + headroom)
    count = first_fit(runs, max(1, floor(size.memory * usable)), max(1, floor(size.share * usable)))
    if size.baseline is not None:
        count = max(count, ceil(Fraction(peak(runs, end, "memory")) / (size.baseline * usable)))
    return count


class Instance:
    def __init__(self, number, launch, ready):
        self.number, self.launch, self.ready, self.state, self.runs = number, launch, ready, "ordered", []

    def has_room(self, size, need):
        return (self.state == "ready" and sum(run[1] for run in self.runs) + need[0] <= size.memory and
                sum(run[2] for run in self.runs) + need[1] <= size.share)


class Scaled:
    """A fleet that scales itself. `now` goes from one instant at which something can happen to the next."""

    def __init__(self, runs, size, end, rules, minimum_s, credits):
        self.size, self.end, self.rules, self.minimum, self.credits = size, end, rules, minimum_s * SECOND, credits
        self.fleet = [Instance(i, 0, 0) for i in range(rules["minimum"])]
        for instance in self.fleet:
            instance.state = "ready"
        self.paid, self.launches, self.most = 0, 0, rules["minimum"]
        self.waiting, self.waits, self.refused, self.hours, self.first = [], [], 0, set(), None
        self.above = self.below = None
        self.below_most, self.cooldown = 0, 0
        self.walk(list(runs))

    def walk(self, runs):
        while True:
            instants = [run[0] for run in runs[:1]] + self.instants()
            now = min(instants, default=self.end)
            if now >= self.end:
                break
            self.pass_credits(now)
            if self.instants() and min(self.instants()) <= now:
                self.happen(now)
            else:
                self.arrive(now, runs.pop(0))
        self.pass_credits(self.end)
        self.credits.end()
        for request in self.waiting:
            self.note(request, self.end)
        for instance in self.fleet:
            self.pay(instance.launch, self.end)

    def members(self):
        return sum(instance.state in ("ready", "leaving") for instance in self.fleet)

    def pass_credits(self, now):
        self.credits.advance(now, sum(run[2] for instance in self.fleet for run in instance.runs), self.members())

    def instants(self):
        found = [run[0] for instance in self.fleet for run in instance.runs]
        found += [instance.ready for instance in self.fleet if instance.state == "ordered"]
        found += [request[0] + self.rules["wait_s"] * SECOND for request in self.waiting[:1]]
        for since, stand in ((self.above, "alarm_s"), (self.below, "scale_in_s")):
            if since is not None:
                found.append(max(since + self.rules[stand] * SECOND, self.cooldown))
        return found

    def happen(self, now):
        for instance in list(self.fleet):
            ended = [run for run in instance.runs if run[0] <= now]
            instance.runs = [run for run in instance.runs if run[0] > now]
            if ended and instance.state == "leaving" and not instance.runs:
                self.leave(instance, now)
        self.watch(now)
        for instance in self.fleet:
            if instance.state == "ordered" and instance.ready <= now:
                instance.state = "ready"
        self.most = max(self.most, sum(instance.state == "ready" for instance in self.fleet))
        self.serve(now)
        while self.waiting and self.waiting[0][0] + self.rules["wait_s"] * SECOND <= now:
            request = self.waiting.pop(0)
            self.trouble(request)
            self.refused += 1
            self.watch(now)
            self.serve(now)
        self.decide(now)

    def arrive(self, now, run):
        start, length, configured, used = run
        request = (start, length, min(used, self.size.memory), min(configured, self.size.share))
        if self.waiting or not self.place(request, now):
            self.waiting.append(request)
        self.watch(now)

    def place(self, request, now):
        for instance in sorted(self.fleet, key=lambda instance: instance.number):
            if instance.has_room(self.size, request[2:]):
                instance.runs.append((now + request[1], *request[2:]))
                return True
        return False

    def serve(self, now):
        while self.waiting and self.place(self.waiting[0], now):
            self.note(self.waiting.pop(0), now)

    def note(self, request, now):
        if now > request[0]:
            self.trouble(request)
            self.waits.append(now - request[0])

    def trouble(self, request):
        self.hours.add(request[0] // HOUR)
        self.first = request[0] if self.first is None else min(self.first, request[0])

    def wanted(self):
        active = [run for instance in self.fleet for run in instance.runs]
        memory = sum(run[1] for run in active) + sum(request[2] for request in self.waiting)
        share = sum(run[2] for run in active) + sum(request[3] for request in self.waiting)
        want = max(ceil(Fraction(memory, self.size.plan_memory)), ceil(Fraction(share, self.size.plan_share_scaled)))
        return min(max(want, self.rules["minimum"]), self.rules["maximum"])

    def have(self):
        return sum(instance.state in ("ready", "ordered") for instance in self.fleet)

    def watch(self, now):
        want, have = self.wanted(), self.have()
        self.above = None if want <= have else now if self.above is None else self.above
        if want >= have:
            self.below = None
        elif self.below is None:
            self.below, self.below_most = now, want
        else:
            self.below_most = max(self.below_most, want)

    def decide(self, now):
        out = self.above is not None and max(self.above + self.rules["alarm_s"] * SECOND, self.cooldown) <= now
        gone = self.below is not None and max(self.below + self.rules["scale_in_s"] * SECOND, self.cooldown) <= now
        if out:
            for _ in range(self.wanted() - self.have()):
                taken = {instance.number for instance in self.fleet}
                number = next(i for i in range(len(taken) + 1) if i not in taken)
                launch = now + self.rules["scale_out_delay_s"] * SECOND
                self.fleet.append(Instance(number, launch, launch + self.rules["boot_s"] * SECOND))
                self.launches += 1
        elif gone:
            many = self.have() - self.below_most
            order = sorted(self.fleet, key=lambda instance: (instance.state != "ordered", -instance.number))
            for instance in [one for one in order if one.state in ("ready", "ordered")][:many]:
                on_its_way = instance.state == "ordered"
                if not instance.runs:
                    self.leave(instance, now)
                instance.state = "gone" if on_its_way else "leaving"
        else:
            return
        self.below, self.cooldown = None, now + self.rules["cooldown_s"] * SECOND
        self.watch(now)

    def leave(self, instance, now):
        if instance.state != "ordered":
            self.credits.leave(self.members())
        self.fleet.remove(instance)
        if instance.launch < now:
            self.pay(instance.launch, now)

    def pay(self, start, end):
        end = min(max(end, start + self.minimum), self.end)
        self.paid += max(0, end - start)


class Credits:
    """CPU credits of instances that share the load evenly; parts are thousandths of a MB of configured memory."""

    def __init__(self, kind, rules):
        self.unlimited = kind["burst"] == "unlimited"
        self.counts = kind["burst"] in ("standard", "unlimited")
        self.earn = floor(Fraction(kind["vcpu"]) * Fraction(kind.get("baseline_percent", 0)) / 100 * rules["mb_per_vcpu"] * 1000)
        self.now = self.balance = self.charged = self.lacking = self.short = 0
        self.spans = []

    def advance(self, until, load, instances):
        passed, self.now = until - self.now, until
        if not self.counts or passed <= 0:
            return
        most, net = self.earn * instances * DAY, self.earn * instances - load * 1000
        balance = min(self.balance + net * passed, most)
        if self.unlimited:
            self.charged += max(0, -most - balance)
            self.balance = max(balance, -most)
        else:
            if balance < 0:
                empty = ceil(Fraction(-balance, -net))
                self.lacking, self.short = self.lacking - balance, self.short + empty
                self.spans.append((until - empty, until))
            self.balance = max(balance, 0)

    def leave(self, instances):
        part = abs(self.balance) // instances * (1 if self.balance >= 0 else -1)
        self.balance -= part
        self.charged += max(0, -part)

    def end(self):
        self.charged += max(0, -self.balance)
        return self

    def hours(self):
        return len({hour for start, end in self.spans for hour in range(start // HOUR, -(-end // HOUR))})


def fixed_credits(runs, kind, end, rules, instances):
    """What runs at a time, on so many instances all the time."""
    credits, whole, edges = Credits(kind, rules), floor(Fraction(kind["vcpu"]) * rules["mb_per_vcpu"]), {}
    for start, length, memory, _ in runs:
        for at, sign in ((start, 1), (min(start + length, end), -1)):
            edges[at] = edges.get(at, 0) + sign * min(memory, whole)
    load = 0
    for at in sorted(edges):
        credits.advance(at, load, instances)
        load += edges[at]
    credits.advance(end, load, instances)
    return credits.end()


def surcharge(credits, kind, end, rules, priced_hours):
    """What unlimited mode costs: vCPU-hours that were spent and never earned."""
    if kind["burst"] != "unlimited":
        return Fraction(0)
    return Fraction(credits.charged, 1000 * rules["mb_per_vcpu"] * HOUR) * Fraction(kind["unlimited"]) * priced_hours * HOUR / end
