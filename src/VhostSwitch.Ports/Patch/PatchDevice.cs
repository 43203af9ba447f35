using VhostSwitch.Packets;

namespace VhostSwitch.Ports.Patch;

/// <summary>A device of <see cref="PatchDriver"/>: a port with a number and without queues.</summary>
internal sealed class PatchDevice(Vdev vdev, PortContext context) : PortDevice(vdev, context)
{
    /// <inheritdoc/>
    public override string Endpoint => Vdev.Required(PatchDriver.Peer);

    /// <inheritdoc/>
    public override MacAddress? Address => null;

    /// <inheritdoc/>
    public override string Status => $"up: leads to {Endpoint} where that leads here";

    /// <inheritdoc/>
    protected override void Open()
    {
    }

    /// <inheritdoc/>
    protected override void Close()
    {
    }
}
