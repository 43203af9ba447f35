namespace VhostSwitch.Interop.Rig;

/// <summary>A virtio-net device of a guest, served by whoever is at the other end of the socket.</summary>
internal sealed record GuestNic(string Socket, string Mac)
{
    /// <summary>Checksums and segmentation in both directions, off at the device, as the documents' QEMU command lines have it.</summary>
    public const string OffloadsOff =
        "csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off";

    /// <summary>Properties of virtio-net-pci: "mrg_rxbuf=off,packed=on", "csum=off,...".</summary>
    public string Properties { get; init; } = "";

    /// <summary>Queue pairs; QEMU gives the guest as many as the other side offers, up to this.</summary>
    public int QueuePairs { get; init; } = 1;

    /// <summary>QEMU serves the socket and the switch connects to it.</summary>
    public bool Server { get; init; }

    /// <summary>Seconds after which QEMU connects again when the other side has gone; none: it stays disconnected.</summary>
    public int? ReconnectSeconds { get; init; }

    /// <param name="index">The device's number within the guest.</param>
    public IEnumerable<string> ToArguments(int index)
    {
        string chardev = $"socket,id=chr{index},path={Socket}";
        if (Server)
            chardev += ",server=on";
        if (ReconnectSeconds is { } seconds)
            chardev += $",reconnect={seconds}";
        string netdev = $"type=vhost-user,id=net{index},chardev=chr{index},vhostforce=on";
        // Without KVM, QEMU 7.2 has no guest notifiers for MSI-X and crashes when a vhost-user device starts with vectors;
        // a legacy interrupt works. romfile: nobody boots from this card.
        string device = $"virtio-net-pci,netdev=net{index},mac={Mac},romfile=,vectors=0";
        if (QueuePairs > 1)
        {
            netdev += $",queues={QueuePairs}";
            device += ",mq=on";
        }
        if (Properties != "")
            device += "," + Properties;
        return ["-chardev", chardev, "-netdev", netdev, "-device", device];
    }
}
