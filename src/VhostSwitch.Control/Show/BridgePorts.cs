namespace VhostSwitch.Control.Show;

/// <summary>One bridge of a <see cref="SwitchSnapshot"/>, as it is configured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Status">What people should know of it, by subject; empty where all is as it was asked for.</param>
/// <param name="Ports">Its ports, in the order of the alphabet.</param>
public sealed record BridgePorts(string Name, IReadOnlyDictionary<string, string> Status, IReadOnlyList<BridgePort> Ports);

/// <summary>One port of a <see cref="BridgePorts"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Number">Its OpenFlow number; null where it could not be made.</param>
/// <param name="Type">Its type as Open vSwitch names it.</param>
/// <param name="Note">What does not work, or what it waits for; null where there is nothing of the kind.</param>
public sealed record BridgePort(string Name, int? Number, string Type, string? Note);
