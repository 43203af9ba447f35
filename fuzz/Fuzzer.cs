using System.Diagnostics;
using System.IO.MemoryMappedFiles;
using VhostSwitch.TestKit.Host;

namespace VhostSwitch.Fuzz;

/// <summary>What a run of one target has come to.</summary>
/// <param name="Target">The target.</param>
/// <param name="Inputs">Inputs run.</param>
/// <param name="Kept">Inputs in the corpus.</param>
/// <param name="Blocks">Blocks of code reached.</param>
/// <param name="AllBlocks">Blocks there are in the assemblies under test.</param>
/// <param name="Finding">What was found; null for nothing.</param>
/// <param name="Input">The input that found it, in base 64.</param>
public sealed record FuzzReport(string Target, long Inputs, int Kept, int Blocks, int AllBlocks, string? Finding = null, string? Input = null);

/// <summary>Gives inputs to a target, and keeps those that reach what none had reached.</summary>
internal static class Fuzzer
{
    private const int CheckEvery = 5_000;

    // The runtime opens one now and then and keeps it; what inputs leave open grows without end.
    private const int RuntimesOwn = 16;
    private const int LengthBytes = sizeof(int);

    /// <summary>The input that runs, where another process can read it when this one dies.</summary>
    public const int LastInputBytes = LengthBytes + 4096;

    /// <summary>Runs one target for a time. A finding is left in the report; one that ends the process, in the file of the last input.</summary>
    public static unsafe FuzzReport Run(string name, string corpusFolder, TimeSpan time, int seed, string lastInput, int allBlocks, Action<FuzzReport> progress)
    {
        using var file = MemoryMappedFile.CreateFromFile(lastInput, FileMode.OpenOrCreate, null, LastInputBytes);
        using var view = file.CreateViewAccessor();
        using var target = FuzzTargets.Make(name);
        var corpus = new List<byte[]>();
        var mutator = new Mutator(seed);
        var clock = Stopwatch.StartNew();
        long inputs = 0;
        using var watchdog = new Watchdog(() => inputs);
        int descriptors = 0;
        var nextWord = TimeSpan.Zero;
        foreach (byte[] input in target.Seeds.Concat(Corpus.Load(corpusFolder, name)).Concat(Endless()))
        {
            view.Write(0, input.Length);
            view.WriteArray(LengthBytes, input, 0, input.Length);
            Coverage.Begin();
            try
            {
                target.Run(input);
            }
            catch (Exception e)
            {
                return Report(e is FuzzFinding ? e.Message : e.ToString(), input);
            }
            inputs++;
            if (Coverage.AddsSomething()) corpus.Add(input);
            if (inputs % CheckEvery == 0)
            {
                int now = ProcessResources.OpenDescriptorsAtStart();
                if (descriptors == 0) descriptors = now;
                if (now > descriptors + RuntimesOwn) return Report($"{now - descriptors} descriptors are left open after {inputs} inputs", input);
            }
            if (clock.Elapsed < nextWord) continue;
            progress(Report());
            nextWord += TimeSpan.FromSeconds(5);
        }
        Corpus.Save(corpusFolder, name, corpus);
        return Report();

        FuzzReport Report(string? finding = null, byte[]? input = null) =>
            new(name, inputs, corpus.Count, Coverage.Blocks, allBlocks, finding, input is null ? null : Convert.ToBase64String(input));

        IEnumerable<byte[]> Endless()
        {
            while (clock.Elapsed < time)
                yield return mutator.Mutate(mutator.Pick(corpus), corpus);
        }
    }

    /// <summary>Reads what <see cref="Run"/> ran last.</summary>
    public static byte[] LastInput(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        return bytes.AsSpan(LengthBytes, Math.Clamp(BitConverter.ToInt32(bytes), 0, bytes.Length - LengthBytes)).ToArray();
    }

    // An input that takes for ever is a finding as well: a guest could hold a poll thread.
    private sealed class Watchdog : IDisposable
    {
        private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

        private readonly Timer _timer;
        private long _last = -1;

        public Watchdog(Func<long> inputs) => _timer = new Timer(
            _ =>
            {
                long now = inputs();
                if (now == _last) Environment.FailFast($"an input runs for more than {Limit.TotalSeconds} s");
                _last = now;
            },
            null,
            Limit,
            Limit);

        public void Dispose() => _timer.Dispose();
    }
}
