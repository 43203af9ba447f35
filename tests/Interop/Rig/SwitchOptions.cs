namespace VhostSwitch.Interop.Rig;

/// <summary>How the tests start the program under test. What is not set is not on the command line.</summary>
internal sealed record SwitchOptions
{
    /// <summary>The sockets it serves, one port each.</summary>
    public required IReadOnlyList<string> Sockets { get; init; }

    /// <summary>The cores that poll, as -l takes them.</summary>
    public string Cores { get; init; } = "0";

    public string? Mode { get; init; } = "bridge";

    public bool? Mergeable { get; init; }

    public bool? TxChecksum { get; init; }

    public bool? Tso { get; init; }

    /// <summary>The network namespace it is started in; null for the host's.</summary>
    public NetworkNamespace? Namespace { get; init; }

    /// <summary>The values of --vdev.</summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    public IReadOnlyList<string> MoreEalOptions { get; init; } = [];

    public IReadOnlyList<string> MoreOptions { get; init; } = [];

    public IEnumerable<string> ToArguments(string controlSocket)
    {
        List<string> arguments = ["-l", Cores, .. Devices.SelectMany(device => new[] { "--vdev", device }), .. MoreEalOptions, "--"];
        foreach (string socket in Sockets)
            arguments.AddRange(["--socket-file", socket]);
        if (Mode is not null)
            arguments.AddRange(["--mode", Mode]);
        AddSwitch("--mergeable", Mergeable);
        AddSwitch("--tx-csum", TxChecksum);
        AddSwitch("--tso", Tso);
        arguments.AddRange(["--ctl-socket", controlSocket, .. MoreOptions]);
        return arguments;

        void AddSwitch(string name, bool? value)
        {
            if (value is { } on)
                arguments.AddRange([name, on ? "1" : "0"]);
        }
    }
}
