namespace VhostSwitch.Ports;

/// <summary>An argument that the devices of a driver take: <c>key=value</c> behind the device's name.</summary>
/// <param name="Key">The key, named as in DPDK where DPDK has it.</param>
/// <param name="ValueName">What stands for the value in texts.</param>
/// <param name="Help">What it does, with units and default.</param>
public sealed record DriverArgument(string Key, string ValueName, string Help);
