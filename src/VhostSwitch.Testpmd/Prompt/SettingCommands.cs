using VhostSwitch.Dataplane;
using VhostSwitch.Testpmd.CommandLine;
using VhostSwitch.Testpmd.Modes;

namespace VhostSwitch.Testpmd.Prompt;

/// <summary><c>set</c>.</summary>
/// <param name="session">What they act on.</param>
internal sealed class SettingCommands(Session session)
{
    private const string Section = "config";
    private const int MostDelayUs = 1_000_000, MostTries = 1 << 20;

    private Settings Settings => session.Settings;

    private TextWriter Output => session.Output;

    /// <summary>Adds the commands to a table.</summary>
    /// <param name="table">The table.</param>
    public void AddTo(List<PromptCommand> table)
    {
        table.Add(new(Section, "set fwd MODE [retry]", $"the forward mode: {ForwardModes.Names}; retry: try again where a queue is full", SetMode));
        table.Add(new(Section, "set burst N", "frames of a burst", words => SetBurst(words[0])));
        table.Add(new(Section, "set burst tx delay US retry N", "how long to wait before a retry, and how often to retry", SetRetry));
        table.Add(new(Section, "set txpkts LENGTHS", "the lengths of generated frames, or of their pieces: 64 or 64,128", SetLengths));
        table.Add(new(Section, "set txsplit off|on|rand", "off; others are not built", words =>
            RefuseUnless(words[0] == "off", $"set txsplit {words[0]}", "frames lie in the pieces that set txpkts says")));
        table.Add(new(Section, "set txtimes TIMES", "not built", words =>
            RefuseUnless(false, $"set txtimes {words[0]}", "ports send when they can")));
        table.Add(new(Section, "set eth-peer PORT MAC", "the address behind a port", words =>
            PortChoice.One(session, words[0]).Peer = Numbers.ReadAddress(words[1])));
        table.Add(new(Section, "set nbcore N", "how many forwarding cores to use", words => SetCores(words[0])));
        table.Add(new(Section, "set nbport N", "how many ports forward", words =>
            SetPorts([.. session.Ports.Keys.Take(Numbers.Read(words[0], "nb ports", 1, session.Ports.Count))])));
        table.Add(new(Section, "set corelist LIST", "the forwarding cores", words => SetCoreList(Numbers.ReadList(words[0], "corelist"))));
        table.Add(new(Section, "set coremask MASK", "the forwarding cores", words =>
            SetCoreList(Numbers.Bits(Numbers.ReadMask(words[0], "coremask")))));
        table.Add(new(Section, "set portlist LIST", "the ports that forward, in order", words => SetPorts(Numbers.ReadList(words[0], "portlist"))));
        table.Add(new(Section, "set portmask MASK", "the ports that forward", words =>
            SetPorts(Numbers.Bits(Numbers.ReadMask(words[0], "portmask")))));
        table.Add(new(Section, "set promisc PORTS on|off", "on; ports take frames to whatever address", words => KeepOn(words, "promiscuous mode")));
        table.Add(new(Section, "set allmulti PORTS on|off", "on; ports take frames to whatever group", words => KeepOn(words, "allmulticast mode")));
        table.Add(new(Section, "set verbose LEVEL", "above 0: print a line for each frame that arrives", words => SetVerbose(words[0])));
        table.Add(new(Section, "set flush_rx on|off", "whether what arrived before the start is forgotten", words =>
            Settings.FlushesInputs = Numbers.IsOn(words[0])));
        table.Add(new(Section, "set mac_addr PORT MAC", "not built", words =>
            RefuseUnless(false, "set mac_addr", "a port's address is its device's; give it to --vdev")));
    }

    private static void RefuseUnless(bool allowed, string given, string reason)
    {
        if (!allowed) throw new TestpmdException($"{given} is not built: {reason}");
    }

    private void SetMode(string[] words)
    {
        var mode = ForwardModes.Find(words[0], out bool retries);
        Settings.Mode = mode;
        Settings.Retries = retries || words[1].Length > 0;
        Output.WriteLine($"Set {mode.Name} packet forwarding mode{(Settings.Retries ? " with retry" : "")}");
        SayWhen();
    }

    private void SetBurst(string word)
    {
        Settings.Burst = Numbers.Read(word, "nb pkt per burst", 1, Numbers.MostBurst);
        Output.WriteLine($"Number of packets per burst set to {Settings.Burst}");
        SayWhen();
    }

    private void SetRetry(string[] words)
    {
        Settings.Retry = new RetryPolicy(Numbers.Read(words[1], "retries", 0, MostTries),
            Numbers.Read(words[0], "delay in microseconds", 0, MostDelayUs));
        SayWhen();
    }

    private void SetLengths(string[] words)
    {
        Settings.Generator = Settings.Generator with { Segments = Numbers.ReadSegments(words[0]) };
        SayWhen();
    }

    private void SetCores(string word)
    {
        Settings.ForwardingCores = Numbers.Read(word, "nb fwd cores", 1, Settings.Cores.Count);
        Output.WriteLine($"Number of forwarding cores set to {Settings.ForwardingCores}");
        SayWhen();
    }

    private void SetCoreList(int[] cores)
    {
        var there = session.Cores;
        if (cores.Length == 0 || cores.Except(there).Any())
            throw new TestpmdException($"the forwarding cores are among {string.Join(",", there)}; the main core is for the prompt");
        Settings.Cores = cores;
        Settings.ForwardingCores = cores.Length;
        Output.WriteLine($"Number of forwarding cores set to {cores.Length}");
        SayWhen();
    }

    private void SetPorts(int[] ports)
    {
        if (ports.Length == 0) throw new TestpmdException("at least one port forwards");
        foreach (int port in ports)
            _ = PortChoice.One(session, $"{port}");
        Settings.Ports = ports;
        Output.WriteLine($"Number of forwarding ports set to {ports.Length}");
        SayWhen();
    }

    private void KeepOn(string[] words, string what)
    {
        var ports = PortChoice.Of(session, words[0]);
        if (Numbers.IsOn(words[1])) return;
        foreach (var port in ports)
            Output.WriteLine($"Error during disabling {what} for port {port.Id}: a port takes every frame that reaches its device");
    }

    private void SetVerbose(string word)
    {
        const int Most = ushort.MaxValue;
        int level = Numbers.Read(word, "verbose level", 0, Most);
        Output.WriteLine($"Change verbose level from {Settings.Verbose} to {level}");
        Settings.Verbose = level;
        SayWhen();
    }

    private void SayWhen()
    {
        if (session.IsForwarding) Output.WriteLine("It takes effect with the next start");
    }
}
