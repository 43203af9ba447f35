using System.Buffers.Binary;

namespace VhostSwitch.VirtioUser;

/// <summary>
/// The control queue of a device whose back-end has none (VIRTIO 1.2, 5.1.6.5): commands are carried out here, and become requests to the
/// back-end where it has a part in them.
/// </summary>
/// <param name="backEnd">The back-end, with its rings started.</param>
/// <param name="pairs">The most queue pairs.</param>
internal sealed class ControlQueue(IBackEnd backEnd, int pairs)
{
    /// <summary>Done.</summary>
    internal const byte Ok = 0;

    /// <summary>Not done.</summary>
    internal const byte Error = 1;

    /// <summary>What frames are received.</summary>
    internal const byte ReceiveClass = 0;

    /// <summary>The device's addresses.</summary>
    internal const byte AddressClass = 1;

    /// <summary>The VLANs that are received.</summary>
    internal const byte VlanClass = 2;

    /// <summary>Queue pairs.</summary>
    internal const byte PairsClass = 4;

    /// <summary>Of <see cref="ReceiveClass"/>: every frame.</summary>
    internal const byte Promiscuous = 0;

    /// <summary>Of <see cref="PairsClass"/>: how many are used.</summary>
    internal const byte SetPairs = 0;

    /// <summary>Carries out a command.</summary>
    /// <param name="command">Class, command and data.</param>
    /// <returns><see cref="Ok"/> or <see cref="Error"/>.</returns>
    /// <exception cref="VirtioUserException">The back-end refused, or broke the protocol.</exception>
    internal byte Execute(params ReadOnlySpan<byte> command)
    {
        if (command.Length < 2) return Error;
        switch (command[0])
        {
            case ReceiveClass or AddressClass or VlanClass:
                // The back-end sends everything here, whatever its address.
                return Ok;
            case PairsClass when command[1] == SetPairs && command.Length == 2 + sizeof(ushort):
                return Use(BinaryPrimitives.ReadUInt16LittleEndian(command[2..]));
            default:
                return Error;
        }
    }

    private byte Use(int used)
    {
        if (used < 1 || used > pairs) return Error;
        for (int pair = 0; pair < pairs; pair++)
            backEnd.Enable(pair, pair < used);
        return Ok;
    }
}
