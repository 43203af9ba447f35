using System.CommandLine;
using VhostSwitch.Ports;
using VhostSwitch.Ports.NetAfXdp;

namespace VhostSwitch.Control.CommandLine;

/// <summary>
/// The options before <c>--</c>, which are those of DPDK's environment abstraction layer. In three groups: those that mean
/// something here, those that can be taken without harm though they change nothing, and those that would change something
/// that is not built.
/// </summary>
internal sealed class EalOptions : OptionSet
{
    // 16 TiB a node and 32 nodes: more than any machine has, and the sum stays an int.
    private const int MaxMiB = 1 << 24;
    private const int MaxNodes = 32;

    private readonly ValueOption _coreMask, _coreList, _coreMap, _mainCore;
    private readonly ValueOption _memory, _nodeMemory, _hugeDirectory, _filePrefix, _logLevel, _channels, _processType;
    private readonly ValueOption _devices, _attached;
    private readonly FlagOption _noHuge, _noPci, _showVersion;
    private readonly List<Option> _withoutEffect = [];
    private readonly List<(Option Option, string Reason)> _notBuilt = [];

    /// <param name="program">The program that has them.</param>
    public EalOptions(string program = "vhost-switch")
        : base("EAL option", program)
    {
        _coreMask = Add(new ValueOption("-c", "COREMASK",
            "Cores that poll, as a hexadecimal mask, for example f. Cores that are not present are left out. Default: every core but the lowest."));
        _coreList = Add(new ValueOption("-l", "CORELIST", "Cores that poll, as a list, for example 0,2-3."));
        _coreMap = Add(new ValueOption("--lcores", "COREMAP", "Cores that poll, with the processors they run on, for example 0@4,(1-2)@(5,6)."));
        _mainCore = Add(new ValueOption("--main-lcore", "CORE", "Must be one of the chosen cores. It polls like every other.", "--master-lcore"));
        _memory = Add(new ValueOption("-m", "MIB", "Size of the switch's own memory in MiB. Default: what it needs."));
        _nodeMemory = Add(new ValueOption("--socket-mem", "MIB[,MIB...]",
            "The same for each NUMA node. Where huge pages do not suffice, normal pages are used."));
        _hugeDirectory = Add(new ValueOption("--huge-dir", "DIR", "The hugetlbfs mount for the switch's own memory."));
        _devices = Add(new ValueOption("--vdev", "NAME[,KEY=VALUE...]",
            "Add a port; repeatable. The name is a driver's with a number behind it: see Ports.").Suggest([.. PortDrivers.All.Select(driver => driver.Name + "0")]));
        _attached = Add(new ValueOption("-a", "INTERFACE[,KEY=VALUE...]",
            "Add a port on an interface of the kernel, as --vdev net_af_xdp does; repeatable. "
            + "The interface's name, or the address of its PCI device.",
            "--allow", "-w", "--pci-whitelist"));
        _noHuge = Add(new FlagOption("--no-huge", "Use normal pages only."));
        WithoutEffect(new FlagOption("--in-memory", "The switch makes no file for its own memory in any case."));
        _noPci = Add(new FlagOption("--no-pci", "Attach no PCI device. None is attached without an option that names it."));
        _filePrefix = Add(new ValueOption("--file-prefix", "NAME",
            $"Name of this switch among several; names the control socket. Default: {SwitchConfiguration.DefaultFilePrefix}."));
        _processType = Add(new ValueOption("--proc-type", "TYPE", "primary or auto. Default: primary.").Suggest("primary", "auto"));
        _logLevel = Add(new ValueOption("--log-level", "LEVEL",
            "Least important lines to print: 1 to 8 or emergency, alert, critical, error, warning, notice, info, debug. Default: info.")
            .Suggest(LogLevels.Names));
        _showVersion = Add(new FlagOption("-v", "Print the version and go on."));

        _channels = WithoutEffect(new ValueOption("-n", "CHANNELS", "Number of memory channels."));
        WithoutEffect("-r", "RANKS");
        WithoutEffect("-b", "ADDRESS", "--block", "--pci-blacklist");
        WithoutEffect("--iova-mode", "MODE");
        WithoutEffect("--base-virtaddr", "ADDRESS");
        WithoutEffect("--socket-limit", "MIB");
        WithoutEffect("--mbuf-pool-ops-name", "NAME");
        WithoutEffect("--force-max-simd-bitwidth", "BITS");
        WithoutEffect("--vfio-intr", "MODE");
        WithoutEffect("--vfio-vf-token", "TOKEN");
        WithoutEffect(new ValueOption("--huge-unlink", "WHEN", "") { ValueIsOptional = true });
        WithoutEffect(new ValueOption("--huge-worker-stack", "KIB", "") { ValueIsOptional = true });
        WithoutEffect(new ValueOption("--syslog", "FACILITY", "") { ValueIsOptional = true });
        string[] flags =
        [
            "--legacy-mem", "--single-file-segments", "--match-allocations", "--no-hpet", "--no-shconf", "--no-telemetry", "--vmware-tsc-map",
            "--create-uio-dev",
        ];
        foreach (string flag in flags)
            WithoutEffect(new FlagOption(flag, ""));

        NotBuilt(new ValueOption("-d", "LIBRARY", ""), "drivers cannot be loaded, they are part of the program; leave it out");
        NotBuilt(new ValueOption("-s", "COREMASK", ""), "there are no service cores, poll threads do all the work; leave it out");
        NotBuilt(new ValueOption("-S", "CORELIST", ""), "there are no service cores, poll threads do all the work; leave it out");
        NotBuilt(new FlagOption("--telemetry", ""), "ask the control socket instead, with vhost-switch ctl");
        NotBuilt(new FlagOption("--xen-dom0", ""), "Xen's memory cannot be used; leave it out");
        foreach (string trace in (string[])["--trace", "--trace-dir", "--trace-bufsz", "--trace-mode"])
            NotBuilt(new ValueOption(trace, "VALUE", "") { ValueIsOptional = true }, "there are no trace points; leave it out");
    }

    /// <summary>The options that mean something here.</summary>
    public IEnumerable<Option> Effective => Options.Except(_withoutEffect).Except(_notBuilt.Select(entry => entry.Option));

    /// <summary>The names of options that are taken and change nothing.</summary>
    public IEnumerable<string> NamesWithoutEffect => _withoutEffect.SelectMany(option => option.Aliases.Prepend(option.Name));

    /// <summary>The names of options that are refused.</summary>
    public IEnumerable<string> NamesNotBuilt => _notBuilt.SelectMany(entry => entry.Option.Aliases.Prepend(entry.Option.Name));

    /// <summary>Turns the options into a configuration that has no application options yet.</summary>
    /// <param name="result">What <see cref="OptionSet.Parse"/> found.</param>
    /// <param name="present">The processors that are present, ascending; at least one.</param>
    /// <param name="usual">Of these, those that the program runs on where nobody says otherwise; at least one.</param>
    /// <param name="notices">Receives lines for the user.</param>
    /// <exception cref="CommandLineException">A value does not fit, or an option is not built.</exception>
    public SwitchConfiguration Read(ParseResult result, IReadOnlyList<int> present, IReadOnlyList<int> usual, List<string> notices)
    {
        RefuseNotBuilt(result);
        if (_showVersion.IsGiven(result)) notices.Add(ProductVersion.Line);
        NoteWithoutEffect(result, notices);
        if (_channels.Last(result) is { } channels && !(DpdkNumber.TryRead(channels, DpdkNumber.Max, out int n) && n > 0))
            throw new CommandLineException($"Invalid argument for -n: '{channels}' was given, a whole number from 1 is allowed");
        RefuseSecondary(result);
        var cores = ReadCores(result, present, usual);
        if (cores.Notice is not null) notices.Add(cores.Notice);
        return new SwitchConfiguration
        {
            PollCores = cores.PollCores,
            MainCore = cores.MainCore,
            ControlCores = cores.ControlCores,
            FilePrefix = ReadFilePrefix(result),
            Memory = ReadMemory(result),
            LogLevel = ReadLogLevel(result),
            Devices = ReadDevices(result),
        };
    }

    private List<Vdev> ReadDevices(ParseResult result)
    {
        var devices = new List<Vdev>();
        // First those of -a: DPDK numbers devices at PCI before virtual ones.
        HashSet<string> names = [.. _devices.All(result).Select(text => text.Split(',')[0])];
        int number = 0;
        foreach (string text in _attached.All(result))
        {
            string given = $"{_attached.Given(result)} {text}";
            if (_noPci.IsGiven(result) && AttachedInterface.IsPciAddress(text))
            {
                throw new CommandLineException($"{given} attaches a PCI device and --no-pci forbids that: "
                    + "leave one of them out, or name the interface in place of the address");
            }
            while (names.Contains($"net_af_xdp{number}"))
                number++;
            int own = number++;
            devices.Add(Device(given, () => AttachedInterface.ToVdev(text, own)));
        }
        devices.AddRange(_devices.All(result).Select(text => Device($"--vdev {text}", () => text)));
        if (devices.GroupBy(device => device.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new CommandLineException($"--vdev {twice.Key} was given {twice.Count()} times: every device has a name of its own");
        return devices;
    }

    private static Vdev Device(string given, Func<string> text)
    {
        try
        {
            return Vdev.Parse(text(), PortDrivers.All);
        }
        catch (PortException e)
        {
            throw new CommandLineException($"{given}: {e.Message}");
        }
    }

    private CoreChoice ReadCores(ParseResult result, IReadOnlyList<int> present, IReadOnlyList<int> usual)
    {
        ValueOption[] given = [.. ((ValueOption[])[_coreMask, _coreList, _coreMap]).Where(option => option.IsGiven(result))];
        if (given.Length > 1) throw new CommandLineException($"{given[0].Name} and {given[1].Name} both choose the cores: give one of them");
        string? text = given.Length == 0 ? null : given[0].Last(result);
        var asked = text is null ? [.. usual.Select(cpu => new LogicalCore(cpu, [cpu]))]
            : given[0] == _coreMask ? [.. CoreMask.Parse(text).Select(core => new LogicalCore(core, [core]))]
            : CoreMap.Parse(given[0].Name, text);
        int? main = ReadMainCore(result, asked);
        var choice = text is null ? CoreChoice.Default(usual) : CoreChoice.Of(asked, present, usual, $"{given[0].Name} {text}");
        return main is { } core ? choice with { MainCore = core } : choice;
    }

    // The processor of the main core; null where the user names none.
    private int? ReadMainCore(ParseResult result, IReadOnlyList<LogicalCore> asked)
    {
        if (_mainCore.Last(result) is not { } text) return null;
        string name = _mainCore.Given(result);
        if (!DpdkNumber.TryRead(text, DpdkNumber.Max, out int core))
            throw new CommandLineException($"Invalid argument for {name}: '{text}' was given, a core number is allowed");
        if (asked.All(lcore => lcore.Lcore != core))
            throw new CommandLineException($"{name} {core} is not among the chosen {CoreText.Cores([.. asked.Select(lcore => lcore.Lcore)])}");
        return asked.First(lcore => lcore.Lcore == core).Cpus[0];
    }

    private MemoryOptions ReadMemory(ParseResult result)
    {
        string? total = _memory.Last(result), perNode = _nodeMemory.Last(result);
        if (total is not null && perNode is not null) throw new CommandLineException("-m and --socket-mem both size the memory: give one of them");
        string? directory = _hugeDirectory.Last(result);
        if (directory is "") throw new CommandLineException("--huge-dir needs the directory where hugetlbfs is mounted");
        return new MemoryOptions
        {
            PerNodeMiB = total is not null ? ReadSizes("-m", [total]) : perNode is not null ? ReadSizes("--socket-mem", perNode.Split(',')) : [],
            HugeDirectory = directory,
            UseHugePages = !_noHuge.IsGiven(result),
        };
    }

    private static int[] ReadSizes(string name, string[] words)
    {
        if (words.Length > MaxNodes)
            throw new CommandLineException($"Invalid argument for {name}: {words.Length} sizes were given, {MaxNodes} are the most");
        int[] sizes = [.. words.Select(word => DpdkNumber.Read(word, 0, name, MaxMiB, " MiB"))];
        return sizes.Any(size => size > 0)
            ? sizes
            : throw new CommandLineException($"Invalid argument for {name}: at least one size must be above 0 MiB");
    }

    private string ReadFilePrefix(ParseResult result)
    {
        string? prefix = _filePrefix.Last(result);
        if (prefix is null) return SwitchConfiguration.DefaultFilePrefix;
        FilePrefix.Check(prefix);
        return prefix;
    }

    private LogLevel ReadLogLevel(ParseResult result)
    {
        var level = LogLevel.Info;
        foreach (string text in _logLevel.All(result))
        {
            // Levels of single DPDK libraries ("lib.eal:debug") have nothing to act on here.
            if (text.AsSpan().ContainsAny(':', ',')) LogLevels.Parse(text[(text.LastIndexOfAny([':', ',']) + 1)..], text);
            else level = LogLevels.Parse(text, text);
        }
        return level;
    }

    private void RefuseSecondary(ParseResult result)
    {
        string? type = _processType.Last(result);
        if (type is "secondary")
            throw CommandLineException.NotBuilt("--proc-type secondary", "a switch is one process; start another with its own --file-prefix");
        if (type is not (null or "primary" or "auto"))
            throw new CommandLineException($"Invalid argument for --proc-type: '{type}' was given, primary or auto is allowed");
    }

    private void RefuseNotBuilt(ParseResult result)
    {
        foreach (var (option, reason) in _notBuilt)
        {
            if (IsGiven(option, result, out string name, out string? value))
                throw CommandLineException.NotBuilt(value is null ? name : $"{name} {value}", reason);
        }
    }

    private void NoteWithoutEffect(ParseResult result, List<string> notices)
    {
        var names = new List<string>();
        foreach (var option in _withoutEffect)
        {
            if (IsGiven(option, result, out string name, out _)) names.Add(name);
        }
        if (names.Count > 0) notices.Add($"accepted without effect: {string.Join(", ", names)}");
    }

    private static bool IsGiven(Option option, ParseResult result, out string name, out string? value)
    {
        value = null;
        name = result.GetResult(option)?.IdentifierToken?.Value ?? option.Name;
        if (option is FlagOption flag) return flag.IsGiven(result);
        var valued = (ValueOption)option;
        value = valued.Last(result);
        return valued.IsGiven(result);
    }

    private T WithoutEffect<T>(T option)
        where T : Option
    {
        _withoutEffect.Add(option);
        return Add(option);
    }

    private void WithoutEffect(string name, string valueName, params string[] aliases) =>
        WithoutEffect(new ValueOption(name, valueName, "", aliases));

    private void NotBuilt<T>(T option, string reason)
        where T : Option => _notBuilt.Add((Add(option), reason));
}
