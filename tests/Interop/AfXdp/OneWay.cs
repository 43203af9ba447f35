using System.Diagnostics;
using VhostSwitch.Interop.Content;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop.AfXdp;

/// <summary>Sends frames from one end and demands every byte of every one at another, in order and once.</summary>
internal static class OneWay
{
    // What is under way never fills a ring or an interface's queue, so that no frame may be lost.
    private const int Window = 64;

    /// <exception cref="RigException">A frame was changed, came twice or in the wrong order, or did not come.</exception>
    public static void Run(IFrameEnd from, IFrameEnd to, RandomFrames frames)
    {
        byte[] sending = new byte[ushort.MaxValue], received = new byte[ushort.MaxValue], expected = new byte[ushort.MaxValue];
        var sinceLast = Stopwatch.StartNew();
        int next = 0, arrived = 0;
        while (arrived < frames.Count)
        {
            int before = next + arrived;
            while (next < frames.Count && next - arrived < Window && from.TrySend(0, frames.Make(next, sending), parts: 1))
                next++;
            while (to.TryReceive(0, received) is var length and >= 0)
            {
                if (!received.AsSpan(0, length).SequenceEqual(frames.Make(arrived, expected)))
                    throw new RigException($"number {arrived} was expected, and came {RandomFrames.Describe(received.AsSpan(0, length))}");
                arrived++;
            }
            if (next + arrived != before)
                sinceLast.Restart();
            else if (sinceLast.Elapsed > Limits.Step)
                throw new RigException($"nothing comes any more: {arrived} of {next} frames have come; {from}; {to}");
            else
                to.Wait();
        }
    }
}
