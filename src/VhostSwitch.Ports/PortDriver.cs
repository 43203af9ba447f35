namespace VhostSwitch.Ports;

/// <summary>A kind of port: makes the devices that <c>--vdev</c> names.</summary>
public abstract class PortDriver
{
    /// <summary>The driver's name as DPDK has it, for example <c>net_tap</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What its devices are, in one line.</summary>
    public abstract string Summary { get; }

    /// <summary>The arguments its devices take.</summary>
    public abstract IReadOnlyList<DriverArgument> Arguments { get; }

    /// <summary>Makes a device: reads and checks its arguments, and opens nothing yet.</summary>
    /// <param name="vdev">Its name and arguments.</param>
    /// <param name="context">What the device works in.</param>
    /// <exception cref="PortException">An argument does not fit.</exception>
    public abstract PortDevice Create(Vdev vdev, PortContext context);
}
