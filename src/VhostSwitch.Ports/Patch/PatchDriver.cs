namespace VhostSwitch.Ports.Patch;

/// <summary>
/// One end of a wire between two bridges, as Open vSwitch has it. It has no queues: the bridges hand frames on by themselves, so it is made with
/// them alone and not by <c>--vdev</c>.
/// </summary>
public sealed class PatchDriver : PortDriver
{
    /// <summary>The argument that names the other end.</summary>
    public const string Peer = "peer";

    /// <inheritdoc/>
    public override string Name => "patch";

    /// <inheritdoc/>
    public override string Summary => "one end of a wire between two bridges";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } = [new(Peer, "NAME", "The other end.")];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new PatchDevice(vdev, context);
}
