using VhostSwitch.Vhost;

namespace VhostSwitch.TestKit.Guest;

/// <summary>
/// The driver's pen on a ring of either kind: what every guest does with it, one buffer a frame. What only hostile drivers do
/// is in the kinds themselves.
/// </summary>
public abstract class RingWriter
{
    /// <summary>The number of entries.</summary>
    public abstract int Size { get; }

    /// <summary>The ring's parts as a front-end names them.</summary>
    public abstract VringAddresses FrontEndAddresses { get; }

    /// <summary>What SET_VRING_BASE says of a ring that nobody has used yet.</summary>
    public abstract uint Start { get; }

    /// <summary>Makes one buffer available, as honest drivers do.</summary>
    /// <param name="buffer">The buffer's number, below the ring's size; not in the device's hands.</param>
    /// <param name="address">Where the buffer lies.</param>
    /// <param name="length">Its length in bytes.</param>
    /// <param name="deviceWrites">True for a buffer that the device fills.</param>
    public abstract void Post(int buffer, ulong address, uint length, bool deviceWrites);

    /// <summary>Takes back the next buffer that the device has used and that was made available by <see cref="Post"/>.</summary>
    /// <param name="buffer">The buffer's number as the device gives it.</param>
    /// <param name="written">How many bytes the device says it wrote.</param>
    /// <returns>False when there is none.</returns>
    public abstract bool TryTakeUsed(out int buffer, out uint written);
}
