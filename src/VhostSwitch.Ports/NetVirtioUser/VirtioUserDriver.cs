using VhostSwitch.VirtioUser;

namespace VhostSwitch.Ports.NetVirtioUser;

/// <summary>Virtio-net drivers in user space: whoever serves a vhost-user socket, or the kernel by /dev/vhost-net, is a port of the switch.</summary>
public sealed class VirtioUserDriver : PortDriver
{
    /// <inheritdoc/>
    public override string Name => "virtio_user";

    /// <inheritdoc/>
    public override string FormerName => "virtio-user";

    /// <inheritdoc/>
    public override string QueuesArgument => "queues";

    /// <inheritdoc/>
    public override string Summary => "a virtio-net driver on another program's vhost-user socket, or on /dev/vhost-net";

    /// <inheritdoc/>
    public override IReadOnlyList<DriverArgument> Arguments { get; } =
    [
        new("path", "PATH", "The back-end: a vhost-user socket, or /dev/vhost-net for the kernel. Needed."),
        new("mac", "ADDRESS", "The device's address. Default: a random one."),
        new("queues", "N", $"Queue pairs, 1 to {VirtioUserOptions.MaxQueues}; those that the back-end has are used. Default: 1."),
        new("queue_size", "N", "Entries of each ring: a power of 2 up to 32768. Default: 256."),
        new("iface", "NAME", "With /dev/vhost-net: the interface that is made. Default: tap%d, the first number that is free."),
        new("server", "0|1", "1: serves the socket and waits for a back-end, in place of connecting to one. Default: 0."),
        new("mrg_rxbuf", "0|1", "0: a received frame has one buffer, and is no large segment. Default: 1."),
        new("in_order", "0|1", "0: buffers are not asked to be used in order. Default: 1."),
        new("packed_vq", "0|1", "1: packed rings where the back-end has them. Default: 0."),
        new("cq", "0|1", "1: a control queue, carried out here. With several queue pairs always. Default: 0."),
        new("speed", "N", "The link's speed in Mbit/s, for people. Default: unknown."),
        new("vectorized", "0|1", "0, since there is one way to receive here, and it needs no choice. Default: 0."),
    ];

    /// <inheritdoc/>
    public override PortDevice Create(Vdev vdev, PortContext context) => new VirtioUserDevice(vdev, context);
}
