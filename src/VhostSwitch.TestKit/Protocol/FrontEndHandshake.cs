using VhostSwitch.TestKit.Guest;
using VhostSwitch.Vhost;
using VhostSwitch.Vhost.User;
using VhostSwitch.Virtio;

namespace VhostSwitch.TestKit.Protocol;

/// <summary>How well-behaved front-ends set up a device, message by message, until its rings run.</summary>
public static class FrontEndHandshake
{
    /// <summary>Virtio status: acknowledged, driver found, features agreed, driver ready.</summary>
    public const byte StatusReady = 1 | 2 | 4 | 8;

    private const ulong NoDescriptor = VringDescriptorBits.NoDescriptor;

    /// <summary>The protocol features that scripts take, where they are offered.</summary>
    public const ProtocolFeatures WantedProtocolFeatures =
        ProtocolFeatures.Mq | ProtocolFeatures.ReplyAck | ProtocolFeatures.NetMtu | ProtocolFeatures.Rarp | ProtocolFeatures.Status | ProtocolFeatures.ResetDevice;

    /// <summary>As QEMU does it: every pair repeats the handshake, rings are enabled before any SET_FEATURES, memory comes whole.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="guest">What is handed over.</param>
    /// <param name="features">The features the driver takes; by default those of the guest's options.</param>
    public static void Qemu(FrontEndScript script, ScriptedGuest guest, Features? features = null)
    {
        for (int pair = 0; pair < guest.Options.QueuePairs; pair++)
            QemuConnect(script, guest, pair);
        for (int ring = 0; ring < guest.Rings.Count; ring++)
            script.Send(FrontEndRequest.SetVringEnable, Payload.State((uint)ring, 1));
        QemuStart(script, guest, features);
    }

    /// <summary>The first part of QEMU's handshake, before the guest's driver is there.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="guest">What is handed over.</param>
    /// <param name="pair">The queue pair.</param>
    public static void QemuConnect(FrontEndScript script, ScriptedGuest guest, int pair)
    {
        script.Ask(FrontEndRequest.GetFeatures);
        NegotiateProtocol(script, WantedProtocolFeatures);
        script.Ask(FrontEndRequest.GetQueueNum);
        if (pair == 0) script.Send(FrontEndRequest.SetOwner);
        script.Ask(FrontEndRequest.GetFeatures);
        for (int ring = 2 * pair; ring < (2 * pair) + 2; ring++)
        {
            script.Send(FrontEndRequest.SetVringCall, Payload.Number((ulong)ring), [guest.Calls[ring].Number]);
            script.Send(FrontEndRequest.SetVringErr, Payload.Number((ulong)ring), [guest.Errors[ring].Number]);
        }
    }

    /// <summary>The second part of QEMU's handshake, when the guest's driver is there.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="guest">What is handed over.</param>
    /// <param name="features">The features the driver takes; by default those of the guest's options.</param>
    public static void QemuStart(FrontEndScript script, ScriptedGuest guest, Features? features = null)
    {
        script.Send(FrontEndRequest.SetFeatures, Payload.Number((ulong)(features ?? guest.Options.Features)));
        Require(script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(guest.Memory.Descriptions), guest.Memory.Descriptors), "SET_MEM_TABLE");
        for (int ring = 0; ring < guest.Rings.Count; ring++)
            StartRing(script, guest, ring);
        Require(script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(StatusReady)), "SET_STATUS");
    }

    /// <summary>As DPDK's virtio_user does it: features first, rings enabled last.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="guest">What is handed over.</param>
    public static void VirtioUser(FrontEndScript script, ScriptedGuest guest)
    {
        script.Send(FrontEndRequest.SetOwner);
        script.Ask(FrontEndRequest.GetFeatures);
        NegotiateProtocol(script, WantedProtocolFeatures);
        script.Ask(FrontEndRequest.GetQueueNum);
        for (int ring = 0; ring < guest.Rings.Count; ring++)
            script.Send(FrontEndRequest.SetVringCall, Payload.Number((ulong)ring), [guest.Calls[ring].Number]);
        script.Send(FrontEndRequest.SetFeatures, Payload.Number((ulong)guest.Options.Features));
        Require(script.Acknowledge(FrontEndRequest.SetMemTable, Payload.Table(guest.Memory.Descriptions), guest.Memory.Descriptors), "SET_MEM_TABLE");
        for (int ring = 0; ring < guest.Rings.Count; ring++)
            StartRing(script, guest, ring);
        for (int ring = 0; ring < guest.Rings.Count; ring++)
            script.Send(FrontEndRequest.SetVringEnable, Payload.State((uint)ring, 1));
        Require(script.Acknowledge(FrontEndRequest.SetStatus, Payload.Number(StatusReady)), "SET_STATUS");
    }

    /// <summary>Agrees on protocol features.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="wanted">Those that are taken where they are offered.</param>
    /// <returns>Those that were taken.</returns>
    public static ProtocolFeatures NegotiateProtocol(FrontEndScript script, ProtocolFeatures wanted)
    {
        var taken = (ProtocolFeatures)script.Ask(FrontEndRequest.GetProtocolFeatures).Number & wanted;
        script.Send(FrontEndRequest.SetProtocolFeatures, Payload.Number((ulong)taken));
        return taken;
    }

    /// <summary>Tells all about one ring and starts it.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="guest">What is handed over.</param>
    /// <param name="ring">The ring.</param>
    /// <param name="first">Where it goes on; by default where every ring of its kind starts.</param>
    public static void StartRing(FrontEndScript script, ScriptedGuest guest, int ring, uint? first = null)
    {
        var writer = guest.Rings[ring];
        script.Send(FrontEndRequest.SetVringNum, Payload.State((uint)ring, (uint)writer.Size));
        script.Send(FrontEndRequest.SetVringBase, Payload.State((uint)ring, first ?? writer.Start));
        script.Send(FrontEndRequest.SetVringAddr, Payload.Addresses((uint)ring, writer.FrontEndAddresses));
        script.Send(FrontEndRequest.SetVringKick, Payload.Number((ulong)ring), [guest.Kicks[ring].Number]);
        script.Send(FrontEndRequest.SetVringCall, Payload.Number((ulong)ring), [guest.Calls[ring].Number]);
    }

    /// <summary>Starts a ring that is to be polled and does not notify.</summary>
    /// <param name="script">The connection.</param>
    /// <param name="ring">The ring.</param>
    public static void StartPolledRing(FrontEndScript script, int ring)
    {
        script.Send(FrontEndRequest.SetVringCall, Payload.Number((ulong)ring | NoDescriptor));
        script.Send(FrontEndRequest.SetVringKick, Payload.Number((ulong)ring | NoDescriptor));
    }

    private static void Require(ulong status, string what)
    {
        if (status != 0) throw new FrontEndScriptException($"the back-end refused {what} with {status}");
    }
}
