using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace VhostSwitch.Fuzz;

/// <summary>Rewrites assemblies so that every basic block counts that it was entered (<see cref="Coverage"/>).</summary>
internal static class Instrumenter
{
    private static readonly string[] Names = ["VhostSwitch.Virtio.dll", "VhostSwitch.Dataplane.dll", "VhostSwitch.Vhost.dll"];

    /// <summary>Rewrites the assemblies under test in a folder.</summary>
    /// <param name="folder">A copy of this program.</param>
    /// <returns>How many blocks there are.</returns>
    public static int Rewrite(string folder)
    {
        int blocks = 0;
        foreach (string name in Names)
        {
            string path = Path.Combine(folder, name);
            using var resolver = new DefaultAssemblyResolver();
            resolver.AddSearchDirectory(folder);
            resolver.AddSearchDirectory(Path.GetDirectoryName(typeof(object).Assembly.Location));
            using var assembly = AssemblyDefinition.ReadAssembly(new MemoryStream(File.ReadAllBytes(path)), new ReaderParameters { AssemblyResolver = resolver });
            var map = assembly.MainModule.ImportReference(typeof(Coverage).GetField(nameof(Coverage.Map)));
            foreach (var method in assembly.MainModule.GetTypes().SelectMany(t => t.Methods).Where(m => m.HasBody))
                blocks = Rewrite(method.Body, map, blocks);
            assembly.Write(path);
        }
        return blocks;
    }

    private static int Rewrite(MethodBody body, FieldReference map, int next)
    {
        body.SimplifyMacros();
        var counters = new Dictionary<Instruction, Instruction>();
        var il = body.GetILProcessor();
        foreach (var start in Starts(body))
        {
            Instruction[] counter =
            [
                il.Create(OpCodes.Ldsfld, map), il.Create(OpCodes.Ldc_I4, next++ % Coverage.Size), il.Create(OpCodes.Add), il.Create(OpCodes.Dup),
                il.Create(OpCodes.Ldind_U1), il.Create(OpCodes.Ldc_I4_1), il.Create(OpCodes.Add), il.Create(OpCodes.Stind_I1),
            ];
            foreach (var instruction in counter)
                il.InsertBefore(start, instruction);
            counters.Add(start, counter[0]);
        }
        foreach (var instruction in body.Instructions)
        {
            if (instruction.Operand is Instruction target) instruction.Operand = At(target);
            else if (instruction.Operand is Instruction[] targets) instruction.Operand = targets.Select(At).ToArray();
        }
        foreach (var handler in body.ExceptionHandlers)
        {
            handler.TryStart = At(handler.TryStart);
            handler.TryEnd = At(handler.TryEnd);
            handler.HandlerStart = At(handler.HandlerStart);
            handler.FilterStart = At(handler.FilterStart);
            // The last handler of a method ends with it.
            if (handler.HandlerEnd is not null) handler.HandlerEnd = At(handler.HandlerEnd);
        }
        body.OptimizeMacros();
        return next;

        Instruction At(Instruction instruction) => instruction is not null && counters.TryGetValue(instruction, out var counter) ? counter : instruction!;
    }

    private static List<Instruction> Starts(MethodBody body)
    {
        var starts = new HashSet<Instruction> { body.Instructions[0] };
        foreach (var instruction in body.Instructions)
        {
            if (instruction.Operand is Instruction target) starts.Add(target);
            else if (instruction.Operand is Instruction[] targets) starts.UnionWith(targets);
            if (instruction.OpCode.FlowControl == FlowControl.Cond_Branch && instruction.Next is { } otherwise) starts.Add(otherwise);
        }
        return [.. body.Instructions.Where(starts.Contains)];
    }
}
