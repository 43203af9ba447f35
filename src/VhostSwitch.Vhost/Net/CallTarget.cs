using VhostSwitch.Linux;

namespace VhostSwitch.Vhost.Net;

/// <summary>Where a queue notifies its guest. The control thread exchanges the descriptor; the poll thread reads it once for each use.</summary>
internal struct CallTarget(int descriptor)
{
    private int _descriptor = descriptor;

    /// <summary>The descriptor's number; -1 where the guest polls.</summary>
    internal int Descriptor
    {
        readonly get => Volatile.Read(in _descriptor);
        set => Volatile.Write(ref _descriptor, value);
    }

    /// <summary>Notifies.</summary>
    /// <returns>True when a notification was sent.</returns>
    internal readonly bool Signal()
    {
        int descriptor = Descriptor;
        return descriptor >= 0 && EventFd.SignalPeer(descriptor);
    }
}
