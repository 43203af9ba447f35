using System.CommandLine;
using System.CommandLine.Parsing;
using VhostSwitch.Bench.Paths;
using VhostSwitch.VirtioUser;

const string Lean = "lean", TestpmdGuests = "testpmd", Both = "both";
const string UsualSize = "64";
const int ScaleAddresses = 1000, ScalePorts = 32;

var rounds = new Option<int>("--rounds") { Description = "How often every contender is measured.", DefaultValueFactory = _ => 5 };
var seconds = new Option<double>("--seconds") { Description = "How long each measurement takes, in seconds.", DefaultValueFactory = _ => 4 };
var size = new Option<string>("--size")
{
    Description = $"The frames: {FrameMix.Takes}. Each is a comparison of its own.",
    DefaultValueFactory = _ => UsualSize,
};
var guests = new Option<string>("--guests")
{
    Description = "Who sends: lean for this project's driver with nothing behind it, testpmd for DPDK's with a closed loop of 64 frames, or both.",
    DefaultValueFactory = _ => Both,
};
guests.AcceptOnlyFromAmong(Lean, TestpmdGuests, Both);
string peerNames = string.Join(',', Entrant.Peers.Keys);
var peers = new Option<string>("--peers")
{
    Description = $"The peers to measure beside this switch: {peerNames}, with commas between them, or none.",
    DefaultValueFactory = _ => peerNames,
};
var addresses = new Option<int>("--addresses") { Description = "MAC addresses of each lean guest, used in turn.", DefaultValueFactory = _ => 1 };
var ports = new Option<int?>("--ports")
{
    Description = "Ports of each switch: two carry frames, the others have a guest that is idle. By default 3 of this switch and 2 of peers; "
        + "Open vSwitch has 7 at most, for its memory's sake.",
};
var window = new Option<int>("--window")
{
    Description = "Frames in flight each way between lean guests, 1 to 256.",
    DefaultValueFactory = _ => Settings.UsualWindow,
};
var burst = new Option<int>("--burst")
{
    Description = "Frames that a lean guest sends at once, 1 to 128.",
    DefaultValueFactory = _ => Settings.UsualBurst,
};
var oneWay = new Option<bool>("--one-way") { Description = "Only one of the lean guests sends." };
var mergeable = new Option<bool>("--mergeable") { Description = "Mergeable receive buffers, which is not this switch's default." };
var packed = new Option<bool>("--packed") { Description = "Packed rings." };
var inOrder = new Option<bool>("--in-order") { Description = "Buffers used in order." };
var output = new Option<DirectoryInfo?>("--output") { Description = "A folder for the report as JSON and as a picture." };
var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
var minutes = new Option<double>("--minutes")
{
    Description = "How long the switch is watched; a loop in C runs as long, by turns.",
    DefaultValueFactory = _ => 10,
};
var megabytes = new Option<int>("--megabytes")
{
    Description = "The payload of each measurement, in millions of bytes, in files of 64.",
    DefaultValueFactory = _ => 256,
};
Action<string> progress = Console.Error.WriteLine;
Option[] ring = [mergeable, packed, inOrder];
Takes(size, text => FrameMix.ParseAll(text) is not null, FrameMix.Takes);
Takes(peers, text => PeersOf(text) is not null, $"{peerNames}, with commas between them, or none");
InRange(rounds, 1, 1000);
InRange(addresses, 1, 50_000);
InRange(window, 1, 256);
InRange(burst, 1, LeanGuest.LargestBurst);
ports.Validators.Add(result =>
{
    if (result.GetValue(ports) is < 2 or > 128) result.AddError("--ports takes 2 to 128: two carry frames");
});

var vm2vm = NewCommand(
    "vm2vm",
    """
    Frames a second from guest to guest: this switch, DPDK testpmd and Open vSwitch, side by side.

    Every round measures each of them once, by turns, and what counts is the ratio of samples of the same round: what the machine does meanwhile
    happens to all. The time a cache line takes between the two cores is measured before and after each sample; near and far are told apart.

      ./bench.sh vm2vm --size 64,512,1518                     what the table of goals is made of
      ./bench.sh vm2vm --packed --in-order                    other rings
      ./bench.sh vm2vm --guests lean --ports 32 --peers none  many ports, two of them busy
      ./bench.sh vm2vm --guests lean --mergeable --size 9000,tso
                                                              frames of several buffers, large TCP segments
    """,
    [rounds, seconds, size, guests, peers, addresses, ports, window, burst, oneWay, .. ring, output, json]);
vm2vm.Validators.Add(result =>
{
    Option[] forLeanGuests = [addresses, window, burst, oneWay];
    bool forLean = Array.Exists(forLeanGuests, option => result.GetResult(option) is { Implicit: false })
        || SizesOf(result).Any(mix => mix.Lengths.Count > 1);
    if (forLean && result.GetValue(guests) != Lean)
        result.AddError("--addresses, --window, --burst, --one-way and --size imix are for lean guests: add --guests lean");
    if (SizesOf(result).Any(mix => mix.IsLong) && !(result.GetValue(mergeable) && result.GetValue(guests) == Lean))
        result.AddError("frames of more than 1518 bytes take several buffers: add --mergeable --guests lean");
});
vm2vm.SetAction(async result =>
{
    var settings = SettingsOf(result) with
    {
        Addresses = result.GetValue(addresses), Ports = result.GetValue(ports), Window = result.GetValue(window), Burst = result.GetValue(burst),
        OneWay = result.GetValue(oneWay),
    };
    Load[] loads = result.GetValue(guests) switch
    {
        Lean => [new LeanLoad()], TestpmdGuests => [new TestpmdLoad()], _ => [new TestpmdLoad(), new LeanLoad()],
    };
    Entrant[] entrants = [Entrant.ThisSwitch, .. PeersIn(result)];
    var run = new SideBySide("Guest to guest", entrants, loads, settings, SizesOf(result.CommandResult), result.GetValue(rounds), progress);
    // A report of some guests does not take the place of that of all.
    string some = loads is [var only] ? $"-{only.Name.Replace(' ', '-')}" : "";
    Write(result, "vm2vm" + some + settings.FileSuffix, await run.RunAsync());
});

var scale = NewCommand(
    "scale",
    $"This switch with {ScaleAddresses:N0} addresses a guest and {ScalePorts} ports, beside itself with one address and three ports: "
        + "lean guests, by turns. The ratio tells what size costs.",
    [rounds, seconds, size, .. ring, output, json]);
scale.SetAction(async result =>
{
    string large = $"{ScaleAddresses:N0} addresses, {ScalePorts} ports", small = "1 address, 3 ports";
    Entrant[] entrants =
    [
        new(() => new Ours(large), settings => settings with { Addresses = ScaleAddresses, Ports = ScalePorts }),
        new(() => new Ours(small)),
    ];
    var settings = SettingsOf(result);
    var sizes = SizesOf(result.CommandResult);
    var run = new SideBySide("What size costs", entrants, [new LeanLoad()], settings, sizes, result.GetValue(rounds), progress);
    Write(result, "scale" + settings.FileSuffix, await run.RunAsync());
});

var matrixRounds = new Option<int>("--rounds") { Description = rounds.Description, DefaultValueFactory = _ => 2 };
var matrixSeconds = new Option<double>("--seconds") { Description = seconds.Description, DefaultValueFactory = _ => 1.5 };
InRange(matrixRounds, 1, 1000);
var matrix = NewCommand(
    "matrix",
    """
    Many cases with short samples, this switch beside testpmd io: lengths, rings, mergeable buffers, frames of several buffers, addresses, ports,
    bursts, one way. Lean guests; a quarter of an hour. It shows where the switch is weak; vm2vm measures a case well.
    """,
    [matrixRounds, matrixSeconds, output, json]);
matrix.SetAction(async result =>
{
    var run = new Matrix(Entrant.ThisSwitch, Entrant.Peers["testpmd"], result.GetValue(matrixSeconds), result.GetValue(matrixRounds), progress);
    Write(result, "matrix", await run.RunAsync());
});

var uplink = NewCommand(
    "uplink",
    """
    Frames a second between guests and uplinks, this switch and DPDK testpmd side by side: from a guest to net_null, from net_pcap to a guest, and
    between two guests over net_af_packet and a veth, both ways.
    """,
    [rounds, seconds, size, .. ring, output, json]);
uplink.Validators.Add(result =>
{
    if (SizesOf(result).Any(mix => mix.IsLong || mix.Lengths.Count > 1)) result.AddError("uplink takes lengths of at most 1518 bytes, and not imix");
});
uplink.SetAction(async result =>
{
    var settings = SettingsOf(result);
    Entrant[] entrants = [Entrant.ThisSwitch, Entrant.Peers["testpmd"]];
    var run = new UplinkRun(entrants, settings, SizesOf(result.CommandResult), result.GetValue(rounds), progress);
    Write(result, "uplink" + settings.FileSuffix, await run.RunAsync());
});

var threads = NewCommand(
    "threads",
    """
    This switch with one poll thread and with two, two pairs of lean guests, by turns. It takes four cores, two for the switch and two for the guests;
    with fewer it is inconclusive, and shows the processor time of a frame on each poll thread all the same.
    """,
    [rounds, seconds, size, .. ring, output, json]);
threads.Validators.Add(result =>
{
    if (SizesOf(result) is not [{ IsLong: false }]) result.AddError("threads takes one --size of at most 1518 bytes");
});
threads.SetAction(async result =>
{
    var settings = SettingsOf(result);
    Write(result, "threads" + settings.FileSuffix, await new Threads(settings, result.GetValue(rounds), progress).RunAsync());
});

var isolate = new Option<bool>("--isolate")
{
    Description = "Move everyone who can be moved off the switch's core while this runs, as the kernel does when told isolcpus=.",
};
var pollBusy = new Option<bool>("--poll-busy") { Description = "This switch polls without end (--poll busy), as its peers do, and never sleeps." };
var latency = NewCommand(
    "latency",
    """
    Latency from guest to guest at 10, 50 and 90 % load: this switch and DPDK testpmd, side by side.

    A round begins with what testpmd io forwards in the closed loop; shares of that are the rates of all contenders of the round. Then lean guests
    send by the clock, whatever arrives, and a frame's time counts from when it was due: a switch that stands still for a while is charged for all
    that came meanwhile. The guests' own rounds are part of every time, the same for each contender. Where the guests by themselves are late with more
    frames than lie above a quantile, the quantile does not count. p50, p99, p99.9 and the longest are shown.

    On a virtual machine the host takes cores away. While it has the guests' core their clock stands still; stretches of a few milliseconds in which it
    took the switch's, by the processor time that the kernel counts, are left out, with what is behind them until the guests have caught up. A switch
    that slept or stood still by itself in a stretch has it counted.
    """,
    [rounds, seconds, size, oneWay, isolate, pollBusy, .. ring, output, json]);
latency.Validators.Add(result =>
{
    if (SizesOf(result) is not [{ IsLong: false }]) result.AddError("latency takes one --size of at most 1518 bytes");
});
latency.SetAction(async result =>
{
    var settings = SettingsOf(result) with { OneWay = result.GetValue(oneWay), PollsBusy = result.GetValue(pollBusy) };
    using var isolation = result.GetValue(isolate) ? new Isolation(Contender.SwitchCore) : null;
    var run = new Latency(settings, Entrant.Peers["testpmd"], [Entrant.ThisSwitch], result.GetValue(rounds), progress);
    Write(result, "latency" + settings.FileSuffix, await run.RunAsync());
});

var idle = NewCommand(
    "idle",
    $"""
    Processor time of a switch with many ports that has nothing to do, and with {Idle.TrickleRate:N0} frames a second, beside the peers.

    All threads of the process count. Peers poll for ever; this switch's poll thread sleeps, and what that costs the few frames is shown as their
    latency. {ScalePorts} ports unless told; Open vSwitch has 7 at most, for its memory's sake.
    """,
    [rounds, seconds, ports, peers, .. ring, output, json]);
idle.SetAction(async result =>
{
    var settings = SettingsOf(result) with { Ports = result.GetValue(ports) ?? ScalePorts };
    Entrant[] entrants = [Entrant.ThisSwitch, .. PeersIn(result)];
    var report = await new Idle(settings, entrants, result.GetValue(rounds), progress).RunAsync();
    // The usual number of ports is in no file's name.
    Write(result, "idle" + (settings.Ports == ScalePorts ? settings with { Ports = null } : settings).FileSuffix, report);
});

var pauses = NewCommand(
    "pauses",
    $"""
    How often the runtime stops this switch's poll thread for over {Pauses.LimitUs} us while the control plane is used, collections and other reasons apart.

    Beside it, by turns: how often the machine stops a loop in C on the same core. The switch is one process all the time, so that what it allocates comes
    together.
    """,
    [minutes, output, json]);
pauses.SetAction(async result =>
{
    const int TurnSeconds = 30, FewestTurns = 3;
    double all = 60 * result.GetValue(minutes);
    int turns = Math.Max(FewestTurns, (int)Math.Ceiling(all / TurnSeconds));
    var settings = new Settings(FrameMix.Of(64), Mergeable: false, Packed: false, InOrder: false, WarmUpSeconds: 1.5, all / turns);
    Write(result, "pauses", await new Pauses(settings, turns, progress).RunAsync());
});

var runtime = NewCommand(
    "settings",
    "This switch with settings of the runtime, by turns: how soon it serves, and the rate of the first frames and of those that follow.",
    [rounds, seconds, .. ring, output, json]);
runtime.SetAction(async result =>
{
    var settings = SettingsOf(result);
    Write(result, "settings" + settings.FileSuffix, await new RuntimeSettings(settings, result.GetValue(rounds), progress).RunAsync());
});

var guestTcp = NewCommand(
    "guest-tcp",
    "TCP with segmentation offload between Linux guests: this switch, Open vSwitch and the kernel's bridge, side by side.",
    [rounds, megabytes, output, json]);
guestTcp.SetAction(async result =>
{
    const int FileMegabytes = 64;
    var settings = new TcpSettings(FileMegabytes * 1_000_000, Math.Max(1, result.GetValue(megabytes) / FileMegabytes));
    Write(result, "guest-tcp", await new GuestTcp(settings, result.GetValue(rounds), progress).RunAsync());
});

var generate = NewCommand(
    "generate", "How fast this project's testpmd and DPDK's send into DPDK's net_vhost.", [rounds, seconds, size, .. ring]);
generate.Validators.Add(result =>
{
    if (SizesOf(result) is not [{ Lengths.Count: 1 }]) result.AddError("generate takes one --size, and not imix");
});
generate.SetAction(async result => Console.Write(await new Generation(SettingsOf(result), result.GetValue(rounds), progress).RunAsync()));

var reports = new Argument<DirectoryInfo>("FOLDER")
{
    Description = "Where --output of the other commands wrote to.",
    DefaultValueFactory = _ => new DirectoryInfo("docs/performance"),
};
var summary = NewCommand(
    "summary",
    """
    What this switch is to show, and whether the reports in a folder show it: reached, not reached or inconclusive, as a table.

    A ratio is reached where the middle half of at least three pairs lies above the goal, and not reached where it lies below.
    What nobody measured yet is shown with the command that does.
    """,
    [json]);
summary.Arguments.Add(reports.AcceptExistingOnly());
summary.SetAction(result =>
{
    var read = Summary.Read(result.GetValue(reports)!);
    Console.Write(result.GetValue(json) ? read.ToJson() : read.ToString());
});

var root = new RootCommand("Benchmarks of whole paths, each beside its peers in one run.")
{
    vm2vm, scale, matrix, uplink, threads, latency, idle, pauses, runtime, guestTcp, generate, summary,
};
var parsed = root.Parse(args);
if (Environment.ProcessorCount < 2 && parsed.CommandResult.Command is { } command && command != root && command != summary)
{
    Console.Error.WriteLine("bench: two cores are needed, one for the switch and one for the guests");
    return 1;
}
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (Exception e) when (e is InvalidOperationException or VirtioUserException or NotSupportedException or IOException or TimeoutException or OperationCanceledException)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}

Settings SettingsOf(ParseResult result) => new(
    SizesOf(result.CommandResult)[0], result.GetValue(mergeable), result.GetValue(packed), result.GetValue(inOrder), WarmUpSeconds: 1.5,
    result.GetValue(seconds));

// Where they are wrong a message says so, and what else is said of them does not matter.
IReadOnlyList<FrameMix> SizesOf(CommandResult result) => FrameMix.ParseAll(result.GetValue(size) ?? UsualSize) ?? [];

IReadOnlyList<Entrant> PeersIn(ParseResult result) => PeersOf(result.GetValue(peers)!)!;

void Write(ParseResult result, string name, IReport report)
{
    if (result.GetValue(output) is { } folder)
    {
        folder.Create();
        File.WriteAllText(Path.Combine(folder.FullName, name + ".json"), report.ToJson());
        File.WriteAllText(Path.Combine(folder.FullName, name + ".svg"), report.ToSvg());
    }
    Console.Write(result.GetValue(json) ? report.ToJson() : report.ToString());
}

static Command NewCommand(string name, string description, Option[] options)
{
    var command = new Command(name, description);
    foreach (var option in options) command.Options.Add(option);
    return command;
}

static void InRange(Option<int> option, int least, int most) => option.Validators.Add(result =>
{
    if (result.GetValue(option) is var value && (value < least || value > most)) result.AddError($"{option.Name} takes {least} to {most}");
});

static void Takes(Option<string> option, Func<string, bool> isRight, string what) => option.Validators.Add(result =>
{
    if (result.GetValueOrDefault<string>() is { } text && !isRight(text)) result.AddError($"{option.Name} {text}: it takes {what}");
});

static IReadOnlyList<Entrant>? PeersOf(string text)
{
    if (text == "none") return [];
    string[] names = text.Split(',');
    return Array.TrueForAll(names, Entrant.Peers.ContainsKey) ? [.. names.Select(name => Entrant.Peers[name])] : null;
}
