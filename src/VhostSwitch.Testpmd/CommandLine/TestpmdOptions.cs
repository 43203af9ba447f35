using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using VhostSwitch.Control.CommandLine;
using VhostSwitch.Packets;
using VhostSwitch.Testpmd.Forwarding;
using VhostSwitch.Testpmd.Modes;
using VhostSwitch.Testpmd.Ports;

namespace VhostSwitch.Testpmd.CommandLine;

/// <summary>The options after <c>--</c>: those of DPDK's testpmd in the editions that the documents use.</summary>
internal sealed class TestpmdOptions : OptionSet
{
    // DPDK's limits: a descriptor ring, a number in its code.
    private const int MostDescriptors = 32768, MostPeriod = 65534, MostQueues = 1024, MostFlows = 1 << 20, MostMulti = 1 << 16;

    private readonly FlagOption _interactive, _autoStart, _txFirst, _json, _multiFlow, _noFlush, _noLinks, _lro, _rxChecksums, _scatter;
    private readonly ValueOption _period, _commandFile, _cores, _ports, _coreMask, _portMask, _portList, _burst, _rxq, _txq, _rxd, _txd, _mode;
    private readonly ValueOption _topology, _peer, _peersFile, _txpkts, _txIp, _txUdp, _txFlows, _flows, _clones, _txOffloads, _rxOffloads;
    private readonly List<Option> _withoutEffect = [];
    private readonly List<(Option Option, string Reason)> _notBuilt = [];

    public TestpmdOptions()
        : base("application option", "testpmd")
    {
        _interactive = Add(new FlagOption("--interactive", "A prompt: type help there. Without it forwarding starts at once, and Enter ends.", "-i"));
        _autoStart = Add(new FlagOption("--auto-start", "Start forwarding at once in spite of the prompt.", "-a"));
        _txFirst = Add(new FlagOption("--tx-first",
            "Send a burst of txonly's frames first, so that both sides learn addresses. Not with -i: start tx_first."));
        _period = Add(new ValueOption("--stats-period", "N", "Print statistics every N seconds until SIGINT or SIGTERM. Not with -i."));
        _json = Add(new FlagOption("--json", "Print statistics as JSON, an object a line, in place of tables."));
        _commandFile = Add(new ValueOption("--cmdline-file", "FILE", "Carry out the commands of a file first."));
        _cores = Add(new ValueOption("--nb-cores", "N", "How many of the forwarding cores to use. Default: 1."));
        _coreMask = Add(new ValueOption("--coremask", "MASK", "The forwarding cores, as a hexadecimal mask."));
        _ports = Add(new ValueOption("--nb-ports", "N", "How many ports forward. Default: all."));
        _portMask = Add(new ValueOption("--portmask", "MASK", "The ports that forward, as a hexadecimal mask."));
        _portList = Add(new ValueOption("--portlist", "LIST", "The ports that forward, as a list: 0,2-3."));
        _mode = Add(new ValueOption("--forward-mode", "MODE", $"{ForwardModes.Names}. Default: {ForwardModes.All[0].Name}.")
            .Suggest([.. ForwardModes.All.Select(mode => mode.Name)]));
        _topology = Add(new ValueOption("--port-topology", "NAME",
            "paired: 0 and 1, 2 and 3. chained: 0 to 1 to 2 to 0. loop: each to itself. Default: paired.")
            .Suggest("paired", "chained", "loop"));
        _burst = Add(new ValueOption("--burst", "N", $"Frames of a burst, 1 to {Numbers.MostBurst}; 0 for the default. Default: 32."));
        _rxq = Add(new ValueOption("--rxq", "N", "Receive queues of each port. Default: 1."));
        _txq = Add(new ValueOption("--txq", "N", "Transmit queues of each port. Default: 1."));
        _rxd = Add(new ValueOption("--rxd", "N", "Receive descriptors; shown only: a device's own arguments size its queues."));
        _txd = Add(new ValueOption("--txd", "N", "Transmit descriptors; shown only, as --rxd."));
        _peer = Add(new ValueOption("--eth-peer", "N,MAC",
            "The address behind port N, which frames are sent to; repeatable. Default: 02:00:00:00:00:N."));
        _peersFile = Add(new ValueOption("--eth-peers-configfile", "FILE", "The same for all ports: an address a line."));
        _txpkts = Add(new ValueOption("--txpkts", "X[,Y...]",
            $"Length in bytes of generated frames, or of the pieces they lie in. Default: {GeneratorSettings.DefaultLength}."));
        _txIp = Add(new ValueOption("--tx-ip", "SRC,DST", "txonly: IPv4 addresses. Default: 198.18.0.1,198.18.0.2."));
        _txUdp = Add(new ValueOption("--tx-udp", "SRC[,DST]", "txonly: UDP ports. Default: 9,9."));
        _multiFlow = Add(new FlagOption("--txonly-multi-flow", "txonly: vary the source address."));
        _txFlows = Add(new ValueOption("--txonly-flows", "N", "txonly: how many source addresses, with --txonly-multi-flow. Default: 64."));
        _flows = Add(new ValueOption("--flowgen-flows", "N", "flowgen: how many destination addresses. Default: 1024."));
        _clones = Add(new ValueOption("--flowgen-clones", "N", "flowgen: 0; copies of a frame are not built. Default: 0."));
        _txOffloads = Add(new ValueOption("--tx-offloads", "MASK",
            "What is left to ports that send, by DPDK's bits: 0x2 IPv4, 0x4 UDP, 0x8 TCP checksums, 0x20 TSO."));
        _rxOffloads = Add(new ValueOption("--rx-offloads", "MASK",
            "What is checked of frames that arrive, by DPDK's bits: 0x2 IPv4, 0x4 UDP, 0x8 TCP checksums."));
        _lro = Add(new FlagOption("--enable-lro",
            "Large TCP segments may arrive: where a device offers them, they are forwarded whole or cut for whom needs that."));
        _rxChecksums = Add(new FlagOption("--enable-rx-cksum", "--rx-offloads=0xe: csum mode counts wrong checksums."));
        _scatter = Add(new FlagOption("--enable-scatter", "--rx-offloads=0x2000: frames may arrive in pieces, as they may in any case."));
        _noFlush = Add(new FlagOption("--no-flush-rx", "Forward what arrived before the start as well."));
        _noLinks = Add(new FlagOption("--disable-link-check", "Do not wait, 3 s at most, until ports are up."));
        AddWithoutEffect();
        AddNotBuilt();
    }

    /// <summary>The options that mean something here.</summary>
    public IEnumerable<Option> Effective => Options.Except(_withoutEffect).Except(_notBuilt.Select(entry => entry.Option));

    /// <summary>The names of options that are taken and change nothing.</summary>
    public IEnumerable<string> NamesWithoutEffect => _withoutEffect.SelectMany(option => option.Aliases.Prepend(option.Name));

    /// <summary>The names of options that are refused.</summary>
    public IEnumerable<string> NamesNotBuilt => _notBuilt.SelectMany(entry => entry.Option.Aliases.Prepend(entry.Option.Name));

    /// <summary>Reads the options.</summary>
    /// <param name="result">What <see cref="OptionSet.Parse"/> found.</param>
    /// <param name="eal">The EAL options.</param>
    /// <param name="notices">Receives lines for the user.</param>
    /// <exception cref="CommandLineException">A value is missing.</exception>
    /// <exception cref="TestpmdException">A value does not fit, or an option is not built.</exception>
    public TestpmdConfiguration Read(ParseResult result, SwitchConfiguration eal, List<string> notices)
    {
        RefuseNotBuilt(result);
        NoteWithoutEffect(result, notices);
        var cores = ReadCores(result, eal);
        bool interactive = _interactive.IsGiven(result);
        int period = Number(_period, result, 0, 1, MostPeriod);
        if (interactive && period > 0)
            throw new TestpmdException("--stats-period is for use without a prompt: leave out -i, or type show port stats all");
        if (interactive && _txFirst.IsGiven(result))
            throw new TestpmdException("--tx-first is for use without a prompt: leave out -i, or type start tx_first");
        string mode = _mode.Last(result) ?? ForwardModes.All[0].Name;
        return new TestpmdConfiguration
        {
            Eal = eal,
            Cores = cores,
            ForwardingCores = Number(_cores, result, _coreMask.IsGiven(result) ? cores.Count : 1, 1, cores.Count),
            Interactive = interactive,
            AutoStart = _autoStart.IsGiven(result),
            WaitsForLinks = !_noLinks.IsGiven(result),
            TransmitFirst = _txFirst.IsGiven(result),
            StatisticsPeriodSeconds = period,
            Json = _json.IsGiven(result),
            CommandFile = _commandFile.Last(result),
            Ports = ReadPorts(result, eal.Devices.Count),
            Burst = Number(_burst, result, 32, 0, Numbers.MostBurst) is var burst and > 0 ? burst : 32,
            RxQueues = Number(_rxq, result, 1, 1, MostQueues),
            TxQueues = Number(_txq, result, 1, 1, MostQueues),
            RxDescriptors = ReadDescriptors(_rxd, result, notices),
            TxDescriptors = ReadDescriptors(_txd, result, notices),
            Mode = ForwardModes.Find(mode, out bool retries),
            Retries = retries,
            Topology = ReadTopology(result),
            Peers = ReadPeers(result),
            TxOffloads = ReadOffloads(_txOffloads, tx: true, result),
            RxOffloads = ReadRxOffloads(result),
            FlushesInputs = !_noFlush.IsGiven(result),
            Generator = ReadGenerator(result),
        };
    }

    private static int Number(ValueOption option, ParseResult result, int @default, int least, int most) =>
        option.Last(result) is { } text ? Numbers.Read(text, option.Name[2..], least, most) : @default;

    // The main core is for the prompt, unless it is the only one.
    private IReadOnlyList<int> ReadCores(ParseResult result, SwitchConfiguration eal)
    {
        int[] cores = [.. eal.PollCores.Where(core => core != eal.MainCore)];
        if (cores.Length == 0) cores = [.. eal.PollCores];
        if (_coreMask.Last(result) is not { } mask) return cores;
        int[] asked = Numbers.Bits(Numbers.ReadMask(mask, "coremask"));
        if (asked.Length == 0 || asked.Except(cores).Any())
            throw new TestpmdException($"--coremask {mask} should choose among the forwarding cores {string.Join(",", cores)}; "
                + "the main core is for the prompt");
        return asked;
    }

    private int[]? ReadPorts(ParseResult result, int count)
    {
        int[]? ports = _portList.Last(result) is { } list ? Numbers.ReadList(list, "portlist")
            : _portMask.Last(result) is { } mask ? Numbers.Bits(Numbers.ReadMask(mask, "portmask"))
            : _ports.IsGiven(result) ? [.. Enumerable.Range(0, Number(_ports, result, count, 1, Math.Max(count, 1)))]
            : null;
        if (ports?.FirstOrDefault(port => port >= count, -1) is { } absent and >= 0)
            throw new TestpmdException($"port {absent} was asked for, and --vdev and -a name {count} ports");
        return ports;
    }

    private static int ReadDescriptors(ValueOption option, ParseResult result, List<string> notices)
    {
        int number = Number(option, result, 0, 0, MostDescriptors);
        if (number != 0)
            notices.Add($"{option.Name} {number} is shown and has no effect: a device's own arguments size its queues (see Ports in --help)");
        return number;
    }

    private PortTopology ReadTopology(ParseResult result) => _topology.Last(result) switch
    {
        null or "paired" => PortTopology.Paired,
        "chained" => PortTopology.Chained,
        "loop" => PortTopology.Loop,
        var other => throw new TestpmdException($"port-topology {other} invalid - must be: paired, chained or loop"),
    };

    private Dictionary<int, MacAddress> ReadPeers(ParseResult result)
    {
        var peers = new Dictionary<int, MacAddress>();
        if (_peersFile.Last(result) is { } file)
        {
            string[] lines = ReadLines(file);
            for (int i = 0; i < lines.Length; i++)
                peers[i] = Numbers.ReadAddress(lines[i].Trim());
        }
        foreach (string text in _peer.All(result))
        {
            string[] parts = text.Split(',', 2);
            if (parts.Length < 2)
                throw new TestpmdException($"--eth-peer {text}: a port and an address are needed, for example --eth-peer=0,00:01:02:03:04:05");
            peers[Numbers.Read(parts[0], "port of --eth-peer", 0, MostQueues)] = Numbers.ReadAddress(parts[1]);
        }
        return peers;
    }

    private static string[] ReadLines(string file)
    {
        try
        {
            return [.. File.ReadAllLines(file).Where(line => line.Length > 0)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TestpmdException($"--eth-peers-configfile {file} cannot be read: {e.Message}");
        }
    }

    private static ulong ReadOffloads(ValueOption option, bool tx, ParseResult result)
    {
        ulong mask = option.Last(result) is { } text ? Numbers.ReadMask(text, option.Name[2..]) : 0;
        OffloadBits.Check(tx, mask);
        return mask;
    }

    private ulong ReadRxOffloads(ParseResult result)
    {
        ulong mask = ReadOffloads(_rxOffloads, tx: false, result);
        if (_lro.IsGiven(result)) mask |= OffloadBits.RxLro;
        if (_scatter.IsGiven(result)) mask |= OffloadBits.RxScatter;
        if (_rxChecksums.IsGiven(result)) mask |= OffloadBits.RxIpChecksum | OffloadBits.RxTcpChecksum | OffloadBits.RxUdpChecksum;
        return mask;
    }

    private GeneratorSettings ReadGenerator(ParseResult result)
    {
        if (Number(_clones, result, 0, 0, Numbers.MostBurst) != 0)
            throw new TestpmdException("--flowgen-clones above 0 is not built: every frame has a flow of its own turn");
        var settings = new GeneratorSettings();
        if (_txpkts.Last(result) is { } lengths) settings = settings with { Segments = Numbers.ReadSegments(lengths) };
        if (_txIp.Last(result) is { } addresses)
        {
            IPAddress[] both = [.. addresses.Split(',').Select(ReadIPv4)];
            if (both.Length != 2)
                throw new TestpmdException($"--tx-ip {addresses}: a source and a destination are needed, for example 198.18.0.1,198.18.0.2");
            settings = settings with { Source = both[0], Destination = both[1] };
        }
        if (_txUdp.Last(result) is { } ports)
        {
            ushort[] both = [.. ports.Split(',').Select(word => (ushort)Numbers.Read(word, "port of --tx-udp", 0, ushort.MaxValue))];
            if (both.Length > 2) throw new TestpmdException($"--tx-udp {ports}: a source and a destination port are allowed, for example 9,9");
            settings = settings with { SourcePort = both[0], DestinationPort = both[^1] };
        }
        return settings with
        {
            TransmitFlows = _multiFlow.IsGiven(result) ? Number(_txFlows, result, 64, 1, MostMulti) : 1,
            GeneratedFlows = Number(_flows, result, settings.GeneratedFlows, 1, MostFlows),
        };
    }

    private static IPAddress ReadIPv4(string text) =>
        IPAddress.TryParse(text, out var address) && address.AddressFamily == AddressFamily.InterNetwork
            ? address
            : throw new TestpmdException($"'{text}' is no IPv4 address");

    private void AddWithoutEffect()
    {
        string[] flags =
        [
            "--disable-hw-vlan", "--disable-hw-vlan-filter", "--disable-hw-vlan-strip", "--disable-hw-vlan-extend", "--disable-crc-strip",
            "--disable-rss", "--no-lsc-interrupt", "--no-rmv-interrupt", "--no-mlockall", "--mlockall", "--numa", "--no-numa",
            "--enable-drop-en", "--hot-plug", "--crc-strip", "--no-iova-contig",
        ];
        foreach (string flag in flags)
            WithoutEffect(new FlagOption(flag, ""));
        string[] values =
        [
            "--txqflags", "--total-num-mbufs", "--mbcache", "--mbuf-size", "--socket-num", "--port-numa-config", "--ring-numa-config", "--rxpt",
            "--rxht",
            "--rxwt", "--rxfreet", "--txpt", "--txht", "--txwt", "--txfreet", "--txrst", "--max-pkt-len", "--max-lro-pkt-size", "--mp-alloc",
            "--print-event", "--mask-event",
        ];
        foreach (string value in values)
            WithoutEffect(new ValueOption(value, "VALUE", ""));
    }

    private void AddNotBuilt()
    {
        foreach (string option in (string[])["--enable-hw-vlan", "--enable-hw-vlan-filter", "--enable-hw-vlan-strip", "--enable-hw-vlan-extend",
            "--enable-hw-qinq-strip"])
            NotBuilt(new FlagOption(option, ""), "frames keep their tags; leave it out");
        NotBuilt(new FlagOption("--enable-rx-timestamp", ""), "ports give no time stamps; leave it out");
        NotBuilt(new FlagOption("--rss-ip", ""), "devices spread flows over their queues as they do; leave it out");
        NotBuilt(new FlagOption("--rss-udp", ""), "devices spread flows over their queues as they do; leave it out");
        NotBuilt(new FlagOption("--record-core-cycles", ""), "cycles are not counted; leave it out");
        NotBuilt(new FlagOption("--record-burst-stats", ""), "bursts are not counted by size; leave it out");
        NotBuilt(new FlagOption("--multi-rx-mempool", ""), "there is no buffer pool; leave it out");
        foreach (string option in (string[])["--rxoffs", "--rxpkts", "--rxhdrs", "--rxq-share", "--hairpinq", "--hairpin-mode", "--eth-link-speed",
            "--bitrate-stats", "--latencystats", "--num-procs", "--proc-id", "--rx-mq-mode"])
            NotBuilt(new ValueOption(option, "VALUE", "") { ValueIsOptional = true }, "ports have no such thing; leave it out");
        string[] noisy = ["tx-sw-buffer-size", "tx-sw-buffer-flushtime", "lkup-memory", "lkup-num-reads", "lkup-num-writes", "lkup-num-reads-writes",
            "forward-mode"];
        foreach (string option in noisy)
            NotBuilt(new ValueOption("--noisy-" + option, "VALUE", "") { ValueIsOptional = true }, "forward mode noisy is not there; leave it out");
    }

    private void RefuseNotBuilt(ParseResult result)
    {
        foreach (var (option, reason) in _notBuilt)
        {
            if (IsGiven(option, result)) throw new TestpmdException($"{option.Name} is not built: {reason}");
        }
    }

    private void NoteWithoutEffect(ParseResult result, List<string> notices)
    {
        string[] names = [.. _withoutEffect.Where(option => IsGiven(option, result)).Select(option => option.Name)];
        if (names.Length > 0) notices.Add($"accepted without effect: {string.Join(", ", names)}");
    }

    private static bool IsGiven(Option option, ParseResult result) => result.GetResult(option) is { IdentifierTokenCount: > 0 };

    private void WithoutEffect(Option option) => _withoutEffect.Add(Add(option));

    private void NotBuilt(Option option, string reason) => _notBuilt.Add((Add(option), reason));
}
