using System.CommandLine;
using System.Globalization;
using System.Numerics;
using VhostSwitch.Control.FileConfiguration;
using VhostSwitch.Control.Ovsdb;
using VhostSwitch.Dataplane;
using VhostSwitch.Ports;
using VhostSwitch.Switching;

namespace VhostSwitch.Control.CommandLine;

/// <summary>The options after <c>--</c>: those of DPDK's example in every edition, and this switch's own.</summary>
internal sealed class ApplicationOptions : OptionSet
{
    // What -p 0x1 names where the user names no device.
    private const string DefaultUplink = "net_tap0";

    // DPDK's largest descriptor ring.
    private const int MaxDescriptors = 4096;

    private static readonly string[] OnOff = ["0", "1"];

    private readonly ValueOption _socketFiles, _baseName, _deviceIndex;
    private readonly ValueOption _portMask, _vm2vm, _mergeable, _checksum, _tso, _retry, _retryNumber, _retryDelay, _statistics, _vlanStrip;
    private readonly ValueOption _zeroCopy, _rxDescriptors, _txDescriptors, _buffers, _dmaType, _dmaChannels;
    private readonly ValueOption _mode, _poll, _controlSocket, _ovsdb, _config;
    private readonly FlagOption _postcopy, _promiscuous, _client, _dequeueZeroCopy, _builtinDriver;

    public ApplicationOptions()
        : base("application option", "vhost-switch")
    {
        var retry = RetryPolicy.Default;
        _socketFiles = Add(new ValueOption("--socket-file", "PATH",
            $"Serve a vhost-user socket, at most {SocketPathChoice.MaxBytes} bytes; repeatable. Default: {SwitchConfiguration.DefaultSocketPath}."));
        _baseName = Add(new ValueOption("--dev-basename", "PATH", "The same for one socket; the older name. Not together with --socket-file."));
        _deviceIndex = Add(new ValueOption("--dev-index", "N",
            "Number of the character device (vhost cuse); has no effect on a socket. Default: 0."));
        _mode = Add(new ValueOption("--mode", "MODE",
            "bridge: a learning bridge. vmdq: as DPDK's sample: one address a device, VLAN tag 1000 plus its number at the uplink. Default: vmdq with -p, -P, --vm2vm or --vlan-strip, else bridge.")
            .Suggest("bridge", "vmdq"));
        _portMask = Add(new ValueOption("-p", "PORTMASK",
            "The port that is the uplink, as a hexadecimal mask with one bit; ports count from 0 in the order of -a and --vdev. Without any, 0x1 is a new tap interface."));
        _promiscuous = Add(new FlagOption("-P", "vmdq: devices receive frames to group addresses (broadcasts among them) that carry their tag."));
        _vm2vm = Add(new ValueOption("--vm2vm", "0|1|2",
            "vmdq: frames between guests: 0 go to the uplink like all others, 1 are switched here, 2 are switched here as an uplink's own switch would, with the receiver's tag. Default: 1.")
            .Suggest("0", "1", "2"));
        _mergeable = Add(new ValueOption("--mergeable", "0|1",
            "1: a frame may span several guest buffers, as frames of more than 1518 bytes need. Default: 0.").Suggest(OnOff));
        _checksum = Add(new ValueOption("--tx-csum", "0|1", "1: guests may leave checksums unfinished. Default: 0.").Suggest(OnOff));
        _tso = Add(new ValueOption("--tso", "0|1",
            "1: guests may send segments longer than a frame; switches --tx-csum on as well. Default: 0.").Suggest(OnOff));
        _retry = Add(new ValueOption("--rx-retry", "0|1",
            "1: when a guest has no buffer left, keep its frames and try again before they are dropped. Default: 1.").Suggest(OnOff));
        _retryNumber = Add(new ValueOption("--rx-retry-num", "N", $"Tries in vain before frames are dropped, from 0. Default: {retry.Tries}."));
        _retryDelay = Add(new ValueOption("--rx-retry-delay", "US", $"Microseconds before each try, from 0. Default: {retry.DelayUs}."));
        _statistics = Add(new ValueOption("--stats", "S", "Print device statistics every S seconds; 0 for never. Default: 0."));
        _poll = Add(new ValueOption("--poll", "POLICY",
            "adaptive: poll threads without frames sleep. busy: they never do. Default: adaptive.").Suggest("adaptive", "busy"));
        _postcopy = Add(new FlagOption("--postcopy",
            "Guests may migrate here ahead of their memory. Excludes memory slots (hot-plug); their QEMU can then make the switch wait."));
        _controlSocket = Add(new ValueOption("--ctl-socket", "PATH",
            "Where vhost-switch ctl and ovs-appctl reach the switch. Default: see Control socket."));
        _ovsdb = Add(new ValueOption("--ovsdb", "unix:PATH",
            "Bridges and ports are those of Open vSwitch's database, which ovs-vsctl changes; PATH is the socket of its ovsdb-server. Needs mode bridge; no --socket-file, --vdev or -a."));
        _config = Add(new ValueOption("--config", "FILE",
            "Bridges and ports are those of a JSON file, which vhost-switch ctl add-port and the like change while the switch runs; made by the first change if it is not there. Needs mode bridge; no --ovsdb, --socket-file, --vdev or -a."));
        _vlanStrip = Add(new ValueOption("--vlan-strip", "0|1",
            "vmdq: 1: frames from the uplink reach guests without their VLAN tag. 0: with it. Default: 1.").Suggest(OnOff));
        _zeroCopy = Add(new ValueOption("--zero-copy", "0|1",
            "1 (guest buffers handed to the uplink itself) is not built yet. Default: 0.").Suggest("0"));
        _rxDescriptors = Add(new ValueOption("--rx-desc-num", "N",
            $"Uplink receive descriptors in zero-copy mode: a power of 2, at most {MaxDescriptors}. Default: 32."));
        _txDescriptors = Add(new ValueOption("--tx-desc-num", "N",
            $"Uplink transmit descriptors in zero-copy mode: a power of 2, at most {MaxDescriptors}. Default: 64."));
        _buffers = Add(new ValueOption("--total-num-mbufs", "N", "Accepted without effect: frames are not kept in a buffer pool."));
        _client = Add(new FlagOption("--client",
            "Connect to the sockets, which the front-ends serve (QEMU's server=on), again and again, in place of serving them. Not together with --ovsdb or --config."));
        _dequeueZeroCopy = Add(new FlagOption("--dequeue-zero-copy", "Not built yet."));
        _builtinDriver = Add(new FlagOption("--builtin-net-driver", "Not built yet."));
        _dmaType = Add(new ValueOption("--dma-type", "NAME", "Not built yet."));
        _dmaChannels = Add(new ValueOption("--dmas", "LIST", "Not built yet."));
    }

    /// <summary>Adds the application options to a configuration that has the EAL options.</summary>
    /// <param name="result">What <see cref="OptionSet.Parse"/> found.</param>
    /// <param name="basis">The configuration so far.</param>
    /// <param name="notices">Receives lines for the user.</param>
    /// <exception cref="CommandLineException">A value does not fit, or an option is not built.</exception>
    public SwitchConfiguration Read(ParseResult result, SwitchConfiguration basis, List<string> notices)
    {
        RefuseNotBuilt(result);
        CheckWithoutEffect(result, notices);
        bool checksum = DpdkNumber.ReadSwitch(_checksum.Last(result), false, "tx-csum [0|1]");
        bool tso = DpdkNumber.ReadSwitch(_tso.Last(result), false, "tso [0|1]");
        if (tso && !checksum) notices.Add("--tso 1 needs unfinished checksums: --tx-csum 1 is switched on as well");
        string? controlSocket = _controlSocket.Last(result);
        var mode = ReadMode(result);
        var (devices, uplink) = ReadUplink(result, basis.Devices, mode, notices);
        var ovsdb = ReadOvsdb(result, basis.Devices, mode);
        var config = ReadConfig(result, basis.Devices, mode);
        return basis with
        {
            SocketPaths = SocketPathChoice.Of(_socketFiles.All(result), _baseName.Last(result), controlSocket, hasDefault: ovsdb is null && config is null),
            ConnectsToSockets = _client.IsGiven(result),
            Ovsdb = ovsdb,
            Config = config,
            ControlSocket = controlSocket,
            Mode = mode,
            Devices = devices,
            Uplink = uplink,
            UplinkIsImplied = basis.Devices.Count == 0,
            Vmdq = ReadVmdq(result, mode, uplink, notices),
            Idle = Choose(_poll, result, ("adaptive", IdlePolicy.Adaptive), ("busy", IdlePolicy.Busy)),
            Retry = ReadRetry(result),
            MergeableBuffers = DpdkNumber.ReadSwitch(_mergeable.Last(result), false, "mergeable [0|1]"),
            ChecksumOffload = checksum || tso,
            SegmentationOffload = tso,
            Postcopy = _postcopy.IsGiven(result),
            StatisticsPeriodSeconds = DpdkNumber.Read(_statistics.Last(result), 0, "stats [0..N]", DpdkNumber.Max, " seconds"),
        };
    }

    private RetryPolicy ReadRetry(ParseResult result)
    {
        var @default = RetryPolicy.Default;
        bool retry = DpdkNumber.ReadSwitch(_retry.Last(result), true, "rx-retry [0|1]");
        int tries = DpdkNumber.Read(_retryNumber.Last(result), @default.Tries, "rx-retry-num [0-N]", DpdkNumber.Max);
        int delay = DpdkNumber.Read(_retryDelay.Last(result), @default.DelayUs, "rx-retry-delay [0-N]", DpdkNumber.Max, " microseconds");
        return new RetryPolicy(retry ? tries : 0, delay);
    }

    private void RefuseNotBuilt(ParseResult result)
    {
        Refuse(DpdkNumber.ReadSwitch(_zeroCopy.Last(result), false, "zero-copy [0|1]"), "--zero-copy 1",
            "frames are copied once between guest and uplink; use --zero-copy 0");
        Refuse(_dequeueZeroCopy.IsGiven(result), "--dequeue-zero-copy", "frames are copied once from guest to guest; leave it out");
        Refuse(_builtinDriver.IsGiven(result), "--builtin-net-driver", "there is one data path for all devices; leave it out");
        Refuse(_dmaType.IsGiven(result), $"--dma-type {_dmaType.Last(result)}", "frames are copied by the processor; leave it out");
        Refuse(_dmaChannels.IsGiven(result), $"--dmas {_dmaChannels.Last(result)}", "frames are copied by the processor; leave it out");

        static void Refuse(bool isAskedFor, string given, string reason)
        {
            if (isAskedFor) throw CommandLineException.NotBuilt(given, reason);
        }
    }

    private void CheckWithoutEffect(ParseResult result, List<string> notices)
    {
        if (_deviceIndex.Last(result) is { } index)
        {
            _ = DpdkNumber.Read(index, 0, "character device index [0..N]", DpdkNumber.Max);
            notices.Add("--dev-index concerns character devices and has no effect on a socket");
        }
        CheckDescriptors(_rxDescriptors, "rx-desc-num[0-N],power of 2 required.", result, notices);
        CheckDescriptors(_txDescriptors, "tx-desc-num[0-N],power of 2 required.", result, notices);
        if (_buffers.Last(result) is { } buffers)
        {
            _ = DpdkNumber.Read(buffers, 0, "total-num-mbufs [0..N]", DpdkNumber.Max);
            notices.Add("--total-num-mbufs has no effect: frames are not kept in a buffer pool");
        }
    }

    private SwitchMode ReadMode(ParseResult result) => _mode.IsGiven(result)
        ? Choose(_mode, result, ("bridge", SwitchMode.Bridge), ("vmdq", SwitchMode.Vmdq))
        : _portMask.IsGiven(result) || _promiscuous.IsGiven(result) || _vm2vm.IsGiven(result) || _vlanStrip.IsGiven(result) ? SwitchMode.Vmdq : SwitchMode.Bridge;

    private OvsdbTarget? ReadOvsdb(ParseResult result, IReadOnlyList<Vdev> devices, SwitchMode mode)
    {
        if (_ovsdb.Last(result) is not { } text) return null;
        RefuseOtherPorts(result, devices, mode, _ovsdb, "the database", "ovs-vsctl add-port");
        return OvsdbTarget.Parse(text, Environment.GetEnvironmentVariable(OvsdbTarget.RunFolderVariable));
    }

    private ConfigTarget? ReadConfig(ParseResult result, IReadOnlyList<Vdev> devices, SwitchMode mode)
    {
        if (_config.Last(result) is not { } path) return null;
        if (_ovsdb.IsGiven(result)) throw new CommandLineException("--config and --ovsdb each have all bridges and ports: leave one of them out");
        RefuseOtherPorts(result, devices, mode, _config, "the file", "vhost-switch ctl add-port");
        return ConfigTarget.Open(path, Environment.GetEnvironmentVariable(OvsdbTarget.RunFolderVariable), _controlSocket.Last(result));
    }

    // A source of bridges that are changed while the switch runs has every port: two places would be two truths.
    private void RefuseOtherPorts(ParseResult result, IReadOnlyList<Vdev> devices, SwitchMode mode, ValueOption source, string owner, string command)
    {
        string? other = _socketFiles.IsGiven(result) ? _socketFiles.Given(result) : _baseName.IsGiven(result) ? _baseName.Given(result)
            : devices.Count > 0 ? $"--vdev {devices[0].Name}" : null;
        if (other is not null)
            throw new CommandLineException($"{other} makes a port, and with {source.Name} {owner} has all of them: add it there with {command}");
        if (_client.IsGiven(result))
        {
            throw new CommandLineException($"--client concerns the sockets of --socket-file, and with {source.Name} {owner} has all ports: "
                + "give them the type dpdkvhostuserclient");
        }
        if (mode != SwitchMode.Bridge)
        {
            throw new CommandLineException($"{source.Name} has bridges, which are not for vmdq mode: "
                + "leave out -p, -P, --vm2vm, --vlan-strip and --mode vmdq");
        }
    }

    // The devices that are ports, and the one of them that is the uplink of vmdq mode.
    private (IReadOnlyList<Vdev> Devices, Vdev? Uplink) ReadUplink(ParseResult result, IReadOnlyList<Vdev> devices, SwitchMode mode, List<string> notices)
    {
        if (_portMask.Last(result) is { } mask)
        {
            int port = ReadPort(mask);
            if (devices.Count == 0 && port == 0) devices = [Vdev.Parse(DefaultUplink, PortDrivers.All)];
            if (port >= devices.Count)
                throw new CommandLineException($"Specified port ID({port}) exceeds max system port ID({devices.Count - 1}): '{mask}' was given for -p, and -a and --vdev name {devices.Count} ports");
            for (int i = 0; i < devices.Count; i++)
            {
                if (i != port) notices.Add($"Skipping disabled port {i} ({devices[i].Name}): -p {mask} does not name it");
            }
            devices = [devices[port]];
        }
        if (mode == SwitchMode.Bridge || devices.Count == 0) return (devices, null);
        if (devices.Count > 1)
            throw new CommandLineException($"vmdq mode has one uplink, and {string.Join(", ", devices.Select(device => device.Name))} were given: name one with -p, or use --mode bridge");
        return (devices, devices[0]);
    }

    private VmdqOptions ReadVmdq(ParseResult result, SwitchMode mode, Vdev? uplink, List<string> notices)
    {
        var vmdq = new VmdqOptions(
            (Vm2Vm)DpdkNumber.Read(_vm2vm.Last(result), (int)Vm2Vm.Software, "vm2vm [0|1|2]", (int)Vm2Vm.Hardware),
            DpdkNumber.ReadSwitch(_vlanStrip.Last(result), true, "vlan-strip [0|1]"),
            _promiscuous.IsGiven(result));
        if (mode == SwitchMode.Bridge && vmdq != new VmdqOptions())
        {
            string given = vmdq.Vm2Vm != Vm2Vm.Software ? $"--vm2vm {(int)vmdq.Vm2Vm}" : !vmdq.StripsTags ? "--vlan-strip 0" : "-P";
            if (given != "-P") throw new CommandLineException($"{given} concerns vmdq mode: add --mode vmdq, or leave it out");
            notices.Add("-P concerns vmdq mode and has no effect on a bridge, which floods group addresses in any case");
        }
        if (vmdq.Vm2Vm == Vm2Vm.Hardware)
            notices.Add("--vm2vm 2: no uplink here has a switch of its own, so frames between guests are switched here as it would, with the receiver's tag");
        if (mode == SwitchMode.Vmdq && uplink is null && vmdq.Vm2Vm == Vm2Vm.Off)
            notices.Add("--vm2vm 0 sends every frame to the uplink, and there is none: name one with -p");
        return vmdq;
    }

    private static int ReadPort(string mask)
    {
        string digits = mask.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? mask[2..] : mask;
        if (!ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong ports) || ports == 0)
            throw new CommandLineException($"Invalid portmask: '{mask}' was given, a hexadecimal mask with one bit such as 0x1 is allowed");
        int count = BitOperations.PopCount(ports);
        return count == 1
            ? BitOperations.TrailingZeroCount(ports)
            : throw new CommandLineException($"Current enabled port number is {count}, but only 1 port can be enabled: '{mask}' was given for -p");
    }

    private static void CheckDescriptors(ValueOption option, string keyword, ParseResult result, List<string> notices)
    {
        if (option.Last(result) is not { } text) return;
        // 0 has at most one bit as well: DPDK's test and the documents' range begin with it.
        if (!DpdkNumber.TryRead(text, MaxDescriptors, out int count) || (count & (count - 1)) != 0)
            throw new CommandLineException($"Invalid argument for {keyword} '{text}' was given, a power of 2 up to {MaxDescriptors} is allowed");
        notices.Add($"{option.Name} concerns zero copy only and has no effect without it");
    }

    private static T Choose<T>(ValueOption option, ParseResult result, params ReadOnlySpan<(string Name, T Value)> choices)
    {
        if (option.Last(result) is not { } text) return choices[0].Value;
        foreach (var (name, value) in choices)
        {
            if (name == text) return value;
        }
        throw new CommandLineException($"Invalid argument for {option.Name}: '{text}' was given, {choices[0].Name} or {choices[1].Name} is allowed");
    }
}
