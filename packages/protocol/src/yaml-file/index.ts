export { formatFileProblem, inFileOrder, type FileProblem } from './file-problem.js';
export { readYamlFile, schemaProblems, type ReadYamlFile, type YamlFile } from './yaml-file.js';
export { printable, type TextPlace, type YamlPath, type YamlTree } from './yaml-tree.js';
