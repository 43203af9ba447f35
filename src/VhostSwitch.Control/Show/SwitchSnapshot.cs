using VhostSwitch.Control.CommandLine;

namespace VhostSwitch.Control.Show;

/// <summary>What the switch is doing at one moment: the answer to <c>ctl show</c>.</summary>
/// <param name="Version">The program's version.</param>
/// <param name="Mode">How frames are switched.</param>
/// <param name="Ports">The ports, in the order in which they were configured and connected.</param>
/// <param name="MacTable">The addresses that are known.</param>
/// <param name="PollThreads">The poll threads by ascending index.</param>
public sealed record SwitchSnapshot(
    string Version,
    SwitchMode Mode,
    IReadOnlyList<PortSnapshot> Ports,
    IReadOnlyList<MacTableEntry> MacTable,
    IReadOnlyList<PollThreadSnapshot> PollThreads)
{
    /// <summary>What the runtime has done.</summary>
    public RuntimeSnapshot Runtime { get; init; } = new(0, 0, 0);

    /// <summary>Who sorts the uplink's frames into pools; null on a bridge, and without an uplink.</summary>
    public SteeringSnapshot? Steering { get; init; }

    /// <summary>The bridges of a configuration that may change; empty where the ports are those of the command line.</summary>
    public IReadOnlyList<BridgePorts> Bridges { get; init; } = [];
}
