using System.Diagnostics;
using VhostSwitch.Interop.Rig;

namespace VhostSwitch.Interop.Content;

/// <summary>
/// Sends frames to a station that swaps the addresses and sends them back, and demands every byte of every frame, in order and
/// once. What is under way never fills a ring, so that no frame may be lost.
/// </summary>
internal sealed class RoundTrip(IFrameEnd end, RandomFrames frames)
{
    private readonly Queue<int>[] _underWay = [.. Enumerable.Range(0, end.QueuePairs).Select(_ => new Queue<int>())];
    private readonly int[] _buffersUnderWay = new int[end.QueuePairs];

    /// <summary>How many buffers of one queue pair may be under way: well below the smallest ring.</summary>
    public required int Window { get; init; }

    /// <summary>The most bytes of a frame that one buffer of any of the two sides holds.</summary>
    public required int BufferBytes { get; init; }

    public int Arrived { get; private set; }

    /// <summary>Sends and checks all frames.</summary>
    /// <exception cref="RigException">A frame was changed, came twice or in the wrong order, or did not come.</exception>
    public void Run()
    {
        byte[] sending = new byte[ushort.MaxValue], received = new byte[ushort.MaxValue], expected = new byte[ushort.MaxValue];
        var sinceLast = Stopwatch.StartNew();
        int next = 0;
        while (Arrived < frames.Count)
        {
            int before = Arrived + next;
            while (next < frames.Count && HasRoom(next) && end.TrySend(PairOf(next), frames.Make(next, sending), frames.PartsOf(next)))
            {
                _underWay[PairOf(next)].Enqueue(next);
                _buffersUnderWay[PairOf(next)] += BuffersOf(next);
                next++;
            }
            for (int pair = 0; pair < end.QueuePairs; pair++)
            {
                while (end.TryReceive(pair, received) is var length and >= 0)
                    Take(pair, received.AsSpan(0, length), expected);
            }
            if (Arrived + next != before)
                sinceLast.Restart();
            else if (sinceLast.Elapsed > Limits.Step)
                throw new RigException($"nothing comes any more: {this}");
            else
                end.Wait();
        }
        for (int pair = 0; pair < end.QueuePairs; pair++)
        {
            if (end.TryReceive(pair, received) is var length and >= 0)
                throw new RigException($"after all frames came one more: {RandomFrames.Describe(received.AsSpan(0, length))}");
        }
    }

    public override string ToString() => $"{Arrived} of {frames.Count} frames have arrived; under way "
        + string.Join(", ", _underWay.Select((queue, pair) => $"{queue.Count} by pair {pair}, the first is {(queue.Count > 0 ? queue.Peek() : "none")}"))
        + $"; {end}";

    private int PairOf(int number) => number % end.QueuePairs;

    private bool HasRoom(int number) => _buffersUnderWay[PairOf(number)] + BuffersOf(number) <= Window;

    // On any of the two sides: in parts as it was sent or as the buffers are.
    private int BuffersOf(int number) => Math.Max(frames.PartsOf(number), (frames.LengthOf(number) / BufferBytes) + 1);

    private void Take(int pair, ReadOnlySpan<byte> frame, Span<byte> buffer)
    {
        if (!_underWay[pair].TryDequeue(out int number))
            throw new RigException($"no frame was under way by pair {pair}, and one came: {RandomFrames.Describe(frame)}");
        ReadOnlySpan<byte> expected = frames.MakeSwapped(number, buffer);
        if (!frame.SequenceEqual(expected))
        {
            throw new RigException(
                $"by pair {pair}, different from byte {frame.CommonPrefixLength(expected)} on\nexpected {RandomFrames.Describe(expected)}"
                + $"\ncame     {RandomFrames.Describe(frame)}\n{this}");
        }
        _buffersUnderWay[pair] -= BuffersOf(number);
        Arrived++;
    }
}
